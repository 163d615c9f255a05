package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The clients of one cluster; a scenario's argument "config" goes over the defaults made here. */
final class Cluster implements AutoCloseable {
    /** How long a scenario waits for what must happen. */
    static final long PATIENCE_MS = 20_000;

    final Admin admin;
    final String bootstrapServers;

    Cluster(String bootstrapServers) {
        this.bootstrapServers = bootstrapServers;
        this.admin = Admin.create(with(Map.of("default.api.timeout.ms", (int) PATIENCE_MS, "request.timeout.ms", 10_000), null));
    }

    KafkaProducer<byte[], byte[]> producer(JsonNode config) {
        Map<String, Object> defaults = Map.of("acks", "all", "linger.ms", 0, "delivery.timeout.ms", 20_000, "request.timeout.ms", 10_000);
        return new KafkaProducer<>(with(defaults, config), new ByteArraySerializer(), new ByteArraySerializer());
    }

    /** One that commits only when told, in the classic protocol. */
    KafkaConsumer<byte[], byte[]> consumer(String group, JsonNode config) {
        Map<String, Object> defaults = new HashMap<>();
        defaults.put("group.protocol", "classic");
        defaults.put("auto.offset.reset", "earliest");
        defaults.put("enable.auto.commit", false);
        defaults.put("heartbeat.interval.ms", 200);
        defaults.put("fetch.max.wait.ms", 50);
        defaults.put("default.api.timeout.ms", (int) PATIENCE_MS);
        defaults.put("request.timeout.ms", 10_000);
        if (group != null) {
            defaults.put("group.id", group);
        }
        return new KafkaConsumer<>(with(defaults, config), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private Map<String, Object> with(Map<String, Object> defaults, JsonNode config) {
        Map<String, Object> merged = new HashMap<>(defaults);
        merged.put("bootstrap.servers", bootstrapServers);
        if (config != null) {
            config.properties().forEach(entry -> set(merged, entry.getKey(), entry.getValue()));
        }
        return merged;
    }

    /** A null takes a default away. */
    private static void set(Map<String, Object> merged, String key, JsonNode value) {
        if (value.isNull()) {
            merged.remove(key);
        } else {
            merged.put(key, value.asText());
        }
    }

    @Override
    public void close() {
        admin.close();
    }
}
