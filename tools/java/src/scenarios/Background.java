package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** A producer that goes on sending, between scenarios, until it is stopped. */
final class Background {
    static final Map<String, Scenario> SCENARIOS =
            Map.of(
                    "start_producing", Background::start,
                    "confirmed", Background::confirmed,
                    "stop_producing", Background::stop,
                    "check_produced", Background::check);

    private static Background running;

    private final KafkaProducer<byte[], byte[]> producer;
    private final AtomicInteger confirmed = new AtomicInteger();
    private final List<String> errors = new ArrayList<>();
    private final Thread thread;
    private volatile boolean goesOn = true;
    private int sent;

    private Background(KafkaProducer<byte[], byte[]> producer, String topic, int partitions) {
        this.producer = producer;
        this.thread = new Thread(() -> send(topic, partitions));
    }

    /** Value n goes to partition n modulo partitions, so that each partition must hold its values in order. */
    private void send(String topic, int partitions) {
        while (goesOn) {
            byte[] value = Integer.toString(sent).getBytes(StandardCharsets.UTF_8);
            producer.send(new ProducerRecord<>(topic, sent % partitions, null, value), (told, error) -> confirm(error));
            sent++;
        }
    }

    private synchronized void confirm(Exception error) {
        if (error == null) {
            confirmed.incrementAndGet();
        } else {
            errors.add(error.toString());
        }
    }

    /** topic, partitions. */
    private static Object start(Cluster cluster, JsonNode arguments) {
        KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"));
        running = new Background(producer, arguments.get("topic").asText(), arguments.get("partitions").asInt());
        running.thread.start();
        return null;
    }

    private static Object confirmed(Cluster cluster, JsonNode arguments) {
        return running.confirmed.get();
    }

    /** How many were sent and confirmed, and the errors of the others. */
    private static Object stop(Cluster cluster, JsonNode arguments) throws InterruptedException {
        running.goesOn = false;
        running.thread.join();
        running.producer.close();
        return Map.of("sent", running.sent, "confirmed", running.confirmed.get(), "errors", running.errors);
    }

    /** topic, partitions: of each partition, how many values it holds, and the first that is not the one which follows the one before. */
    private static Object check(Cluster cluster, JsonNode arguments) {
        int partitions = arguments.get("partitions").asInt();
        List<Map<String, Object>> found = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            for (int number = 0; number < partitions; number++) {
                TopicPartition partition = new TopicPartition(arguments.get("topic").asText(), number);
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                int count = Math.toIntExact(consumer.endOffsets(List.of(partition)).get(partition));
                String stray = "none";
                int expected = number;
                for (ConsumerRecord<byte[], byte[]> record : Consuming.next(consumer, count)) {
                    if (stray.equals("none") && !Text.text(record.value()).equals(Integer.toString(expected))) {
                        stray = Text.text(record.value()) + " at " + record.offset() + " instead of " + expected;
                    }
                    expected += partitions;
                }
                found.add(Map.of("count", count, "stray", stray));
            }
        }
        return found;
    }
}
