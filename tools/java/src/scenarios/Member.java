package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A member of a group that remembers what it was given, what was taken, and what it has read. */
final class Member implements ConsumerRebalanceListener, AutoCloseable {
    private static final Duration TURN = Duration.ofMillis(20);

    final KafkaConsumer<byte[], byte[]> consumer;
    final List<Integer> revoked = new ArrayList<>();
    final List<ConsumerRecord<byte[], byte[]>> read = new ArrayList<>();

    Member(Cluster cluster, String group, JsonNode config) {
        consumer = cluster.consumer(group, config);
    }

    Member subscribe(String topic) {
        consumer.subscribe(List.of(topic), this);
        return this;
    }

    Member subscribe(Pattern topics) {
        consumer.subscribe(topics, this);
        return this;
    }

    /** Members live in one thread: each takes part in turn until the condition holds. */
    static void pollUntil(BooleanSupplier condition, Member... members) {
        long deadline = System.currentTimeMillis() + Cluster.PATIENCE_MS;
        while (!condition.getAsBoolean()) {
            for (Member member : members) {
                member.consumer.poll(TURN).forEach(member.read::add);
            }
            if (System.currentTimeMillis() > deadline) {
                throw new IllegalStateException("the members hold " + List.of(members).stream().map(Member::partitions).toList());
            }
        }
    }

    List<Integer> partitions() {
        TreeSet<Integer> numbers = new TreeSet<>();
        consumer.assignment().forEach(each -> numbers.add(each.partition()));
        return List.copyOf(numbers);
    }

    boolean holds(int count) {
        return consumer.assignment().size() == count;
    }

    int generation() {
        return consumer.groupMetadata().generationId();
    }

    String id() {
        return consumer.groupMetadata().memberId();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        partitions.forEach(each -> revoked.add(each.partition()));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {}

    @Override
    public void close() {
        consumer.close();
    }
}
