package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;

/** KafkaProducer. */
final class Producing {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "produce", Producing::produce,
            "produce_from_threads", Producing::produceFromThreads,
            "produce_to_recreated_topic", Producing::produceToRecreatedTopic,
            "partitions_for", Producing::partitionsFor,
            "transaction", Producing::transaction);

    private Producing() {}

    /** topic, records [{partition, timestamp, key, value or value_bytes, headers}]: what was confirmed of each, or its error. */
    static Object produce(Cluster cluster, JsonNode arguments) throws Exception {
        List<Map<String, Object>> told = new ArrayList<>();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"))) {
            List<Future<RecordMetadata>> futures = new ArrayList<>();
            for (JsonNode each : arguments.get("records")) {
                futures.add(producer.send(record(arguments.get("topic").asText(), each)));
            }
            producer.flush();
            for (Future<RecordMetadata> future : futures) {
                told.add(confirmation(future));
            }
        }
        return told;
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode each) {
        Integer partition = each.hasNonNull("partition") ? each.get("partition").asInt() : null;
        Long timestamp = each.hasNonNull("timestamp") ? each.get("timestamp").asLong() : null;
        byte[] value = each.hasNonNull("value_bytes") ? new byte[each.get("value_bytes").asInt()] : Text.bytes(each.get("value"));
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, partition, timestamp, Text.bytes(each.get("key")), value);
        for (JsonNode header : each.path("headers")) {
            record.headers().add(header.get(0).asText(), Text.bytes(header.get(1)));
        }
        return record;
    }

    private static Map<String, Object> confirmation(Future<RecordMetadata> future) throws InterruptedException {
        Map<String, Object> told = new LinkedHashMap<>();
        try {
            RecordMetadata metadata = future.get();
            told.put("partition", metadata.partition());
            told.put("offset", metadata.hasOffset() ? metadata.offset() : null);
            told.put("timestamp", metadata.timestamp());
        } catch (ExecutionException refused) {
            told.put("error", refused.getCause().getClass().getSimpleName());
            told.put("message", refused.getCause().getMessage());
        }
        return told;
    }

    /** topic, threads, count: each thread sends so many records of its own key; the keys are the threads' numbers, the values count up. */
    private static Object produceFromThreads(Cluster cluster, JsonNode arguments) throws Exception {
        String topic = arguments.get("topic").asText();
        int count = arguments.get("count").asInt();
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"))) {
            AtomicInteger confirmed = new AtomicInteger();
            List<Thread> threads = new ArrayList<>();
            for (int number = 0; number < arguments.get("threads").asInt(); number++) {
                byte[] key = Integer.toString(number).getBytes(StandardCharsets.UTF_8);
                threads.add(new Thread(() -> {
                    for (int each = 0; each < count; each++) {
                        byte[] value = Integer.toString(each).getBytes(StandardCharsets.UTF_8);
                        producer.send(new ProducerRecord<>(topic, key, value), (told, error) -> confirmed.addAndGet(error == null ? 1 : 0));
                    }
                }));
            }
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            producer.flush();
            return confirmed.get();
        }
    }

    /** topic: offsets of what one producer sends to it before and after it is deleted and made again. */
    private static Object produceToRecreatedTopic(Cluster cluster, JsonNode arguments) throws Exception {
        String topic = arguments.get("topic").asText();
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(topic, 0, null, new byte[1]);
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"))) {
            List<Long> offsets = new ArrayList<>();
            offsets.add(producer.send(record).get().offset());
            offsets.add(producer.send(record).get().offset());
            cluster.admin.deleteTopics(List.of(topic)).all().get();
            cluster.admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
            offsets.add(producer.send(record).get().offset());
            return offsets;
        }
    }

    private static Object partitionsFor(Cluster cluster, JsonNode arguments) {
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"))) {
            return producer.partitionsFor(arguments.get("topic").asText()).stream()
                    .map(each -> Map.of("partition", each.partition(), "leader", each.leader().id(), "replicas", each.replicas().length))
                    .toList();
        }
    }

    /** transactional_id, topic: begins, sends one record and commits. */
    private static Object transaction(Cluster cluster, JsonNode arguments) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = cluster.producer(arguments.get("config"))) {
            producer.initTransactions();
            producer.beginTransaction();
            Future<RecordMetadata> sent = producer.send(new ProducerRecord<>(arguments.get("topic").asText(), new byte[1]));
            producer.commitTransaction();
            return sent.get().offset();
        }
    }
}
