package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/** KafkaConsumer without a group's assignment. */
final class Consuming {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "read", Consuming::read,
            "offsets", Consuming::offsets,
            "seek", Consuming::seek,
            "pause", Consuming::pause,
            "reset", Consuming::reset,
            "read_beyond", Consuming::readBeyond,
            "lag", Consuming::lag,
            "reassign", Consuming::reassign,
            "listed_topics", Consuming::listedTopics);

    private static final Duration TURN = Duration.ofMillis(100);

    private Consuming() {}

    /** topic, count, partitions [numbers], from: that many records of these partitions, from that offset on. */
    private static Object read(Cluster cluster, JsonNode arguments) {
        List<Map<String, Object>> records = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            Set<TopicPartition> partitions = partitions(arguments);
            consumer.assign(partitions);
            partitions.forEach(each -> consumer.seek(each, arguments.path("from").asLong(0)));
            next(consumer, arguments.get("count").asInt()).forEach(each -> records.add(described(each)));
        }
        return records;
    }

    static Set<TopicPartition> partitions(JsonNode arguments) {
        String topic = arguments.get("topic").asText();
        Set<TopicPartition> partitions = new LinkedHashSet<>();
        arguments.path("partitions").forEach(each -> partitions.add(new TopicPartition(topic, each.asInt())));
        return partitions.isEmpty() ? Set.of(new TopicPartition(topic, 0)) : partitions;
    }

    /** At least so many; more if the last poll brought more. */
    static List<ConsumerRecord<byte[], byte[]>> next(Consumer<byte[], byte[]> consumer, int count) {
        long deadline = System.currentTimeMillis() + Cluster.PATIENCE_MS;
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        while (records.size() < count) {
            consumer.poll(TURN).forEach(records::add);
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("only " + records.size() + " of " + count + " records came");
            }
        }
        return records;
    }

    static Map<String, Object> described(ConsumerRecord<byte[], byte[]> record) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("partition", record.partition());
        described.put("offset", record.offset());
        described.put("timestamp", record.timestamp());
        described.put("timestamp_type", record.timestampType().name);
        described.put("leader_epoch", record.leaderEpoch().orElse(null));
        described.put("key", Text.text(record.key()));
        described.put("value", record.value() == null || record.value().length > 1000 ? null : Text.text(record.value()));
        described.put("value_bytes", record.serializedValueSize());
        described.put("headers", Arrays.stream(record.headers().toArray())
                .map(header -> Arrays.asList(header.key(), Text.text(header.value())))
                .toList());
        return described;
    }

    /** topic, times: where the log begins and ends, and the first record at or after each time. */
    private static Object offsets(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            Set<TopicPartition> partitions = partitions(arguments);
            TopicPartition partition = partitions.iterator().next();
            List<List<Long>> found = new ArrayList<>();
            for (JsonNode time : arguments.path("times")) {
                OffsetAndTimestamp first = consumer.offsetsForTimes(Map.of(partition, time.asLong())).get(partition);
                found.add(first == null ? null : List.of(first.offset(), first.timestamp()));
            }
            Map<String, Object> told = new HashMap<>();
            told.put("beginning", partitions.stream().map(consumer.beginningOffsets(partitions)::get).toList());
            told.put("end", partitions.stream().map(consumer.endOffsets(partitions)::get).toList());
            told.put("times", found);
            return told;
        }
    }

    /** topic, to: the offset that is read after seeking there, to the beginning and there again; the position at the end. */
    private static Object seek(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            Set<TopicPartition> partitions = partitions(arguments);
            TopicPartition partition = partitions.iterator().next();
            consumer.assign(partitions);
            List<Long> read = new ArrayList<>();
            consumer.seek(partition, arguments.get("to").asLong());
            read.add(next(consumer, 1).get(0).offset());
            consumer.seekToBeginning(partitions);
            read.add(next(consumer, 1).get(0).offset());
            consumer.seek(partition, arguments.get("to").asLong());
            read.add(next(consumer, 1).get(0).offset());
            consumer.seekToEnd(partitions);
            return Map.of("read", read, "end", consumer.position(partition));
        }
    }

    /** topic of two partitions, count: who answers while partition 0 is paused, and how many records it still holds when resumed. */
    private static Object pause(Cluster cluster, JsonNode arguments) {
        String topic = arguments.get("topic").asText();
        int count = arguments.get("count").asInt();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            TopicPartition paused = new TopicPartition(topic, 0);
            consumer.assign(List.of(paused, new TopicPartition(topic, 1)));
            consumer.pause(List.of(paused));
            List<Integer> meanwhile = next(consumer, count).stream().map(ConsumerRecord::partition).distinct().toList();
            consumer.resume(List.of(paused));
            List<Integer> afterwards = next(consumer, count).stream().map(ConsumerRecord::partition).distinct().toList();
            return Map.of("meanwhile", meanwhile, "afterwards", afterwards);
        }
    }

    /** topic; config with auto.offset.reset: where a group that has committed nothing starts. */
    private static Object reset(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(arguments.get("group").asText(), arguments.get("config"))) {
            Set<TopicPartition> partitions = partitions(arguments);
            consumer.assign(partitions);
            return consumer.position(partitions.iterator().next());
        }
    }

    /** topic, from: the first record read when the position is outside of the log. */
    private static Object readBeyond(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            TopicPartition partition = partitions(arguments).iterator().next();
            consumer.assign(List.of(partition));
            consumer.seek(partition, arguments.get("from").asLong());
            return next(consumer, 1).get(0).offset();
        }
    }

    /** topic, read: how far behind the end a consumer is that has read so many records, one in a poll. */
    private static Object lag(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            Set<TopicPartition> partitions = partitions(arguments);
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            next(consumer, arguments.get("read").asInt());
            return consumer.currentLag(partitions.iterator().next()).orElse(-1);
        }
    }

    /** topics, count: the values of each topic's first records, as one consumer goes from topic to topic, and over again. */
    private static Object reassign(Cluster cluster, JsonNode arguments) {
        List<List<String>> read = new ArrayList<>();
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            for (String topic : Text.list(arguments.get("topics"))) {
                TopicPartition partition = new TopicPartition(topic, 0);
                consumer.assign(List.of(partition));
                consumer.seekToBeginning(List.of(partition));
                read.add(next(consumer, arguments.get("count").asInt()).stream().map(each -> Text.text(each.value())).toList());
            }
        }
        return read;
    }

    private static Object listedTopics(Cluster cluster, JsonNode arguments) {
        try (KafkaConsumer<byte[], byte[]> consumer = cluster.consumer(null, arguments.get("config"))) {
            return consumer.listTopics().entrySet().stream()
                    .collect(HashMap::new, (map, entry) -> map.put(entry.getKey(), entry.getValue().size()), HashMap::putAll);
        }
    }
}
