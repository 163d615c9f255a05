package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;

/** KafkaConsumer as a member of a group, in the classic protocol unless the config says otherwise. */
final class Groups {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "rebalance", Groups::rebalance,
            "static_member", Groups::staticMember,
            "fenced_instance", Groups::fencedInstance,
            "commit", Groups::commit,
            "committed", Groups::committed,
            "resume", Groups::resume,
            "pattern", Groups::pattern,
            "new_partitions", Groups::newPartitions,
            "join", Groups::join);

    private Groups() {}

    /** topic of four partitions, group: what each of two members holds as the second comes, and after it went. */
    private static Object rebalance(Cluster cluster, JsonNode arguments) {
        String topic = arguments.get("topic").asText();
        String group = arguments.get("group").asText();
        Map<String, Object> told = new LinkedHashMap<>();
        try (Member first = new Member(cluster, group, arguments.get("config")).subscribe(topic)) {
            Member.pollUntil(() -> first.holds(4), first);
            told.put("alone", first.partitions());
            try (Member second = new Member(cluster, group, arguments.get("config")).subscribe(topic)) {
                Member.pollUntil(() -> first.holds(2) && second.holds(2), first, second);
                told.put("first", first.partitions());
                told.put("second", second.partitions());
                told.put("revoked", List.copyOf(first.revoked));
                told.put("same_generation", first.generation() == second.generation());
            }
            Member.pollUntil(() -> first.holds(4), first);
            told.put("again", first.partitions());
        }
        return told;
    }

    /** topic of four partitions, group: what changes for two members when the static one is restarted. */
    private static Object staticMember(Cluster cluster, JsonNode arguments) {
        String topic = arguments.get("topic").asText();
        String group = arguments.get("group").asText();
        Map<String, Object> told = new LinkedHashMap<>();
        try (Member other = new Member(cluster, group, null)) {
            try (Member before = new Member(cluster, group, arguments.get("config")).subscribe(topic)) {
                Member.pollUntil(() -> before.holds(4), before);
                other.subscribe(topic);
                Member.pollUntil(() -> before.holds(2) && other.holds(2), before, other);
                told.put("before", state(before));
            }
            other.revoked.clear();
            try (Member after = new Member(cluster, group, arguments.get("config")).subscribe(topic)) {
                Member.pollUntil(() -> after.holds(2), after, other);
                told.put("after", state(after));
                told.put("member_id_is_new", !after.id().equals(((Map<?, ?>) told.get("before")).get("member_id")));
            }
            told.put("revoked_from_the_other", List.copyOf(other.revoked));
        }
        return told;
    }

    private static Map<String, Object> state(Member member) {
        return Map.of("partitions", member.partitions(), "generation", member.generation(), "member_id", member.id());
    }

    /** topic, group; config with an instance id: what the first of two members of one instance id meets. */
    private static Object fencedInstance(Cluster cluster, JsonNode arguments) {
        String topic = arguments.get("topic").asText();
        String group = arguments.get("group").asText();
        Member first = new Member(cluster, group, arguments.get("config")).subscribe(topic);
        Member.pollUntil(() -> !first.partitions().isEmpty(), first);
        try (Member second = new Member(cluster, group, arguments.get("config")).subscribe(topic)) {
            Member.pollUntil(() -> !second.partitions().isEmpty(), second);
            Member.pollUntil(() -> false, first);
            return "nothing";
        } catch (FencedInstanceIdException fenced) {
            return fenced.getClass().getSimpleName();
        } finally {
            first.close();
        }
    }

    /** topic, group, offset, metadata, leader_epoch: commits for partition 0. */
    private static Object commit(Cluster cluster, JsonNode arguments) {
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            TopicPartition partition = Consuming.partitions(arguments).iterator().next();
            Optional<Integer> epoch = arguments.hasNonNull("leader_epoch") ? Optional.of(arguments.get("leader_epoch").asInt()) : Optional.empty();
            OffsetAndMetadata committed =
                    new OffsetAndMetadata(arguments.get("offset").asLong(), epoch, arguments.path("metadata").asText(""));
            member.consumer.assign(List.of(partition));
            member.consumer.commitSync(Map.of(partition, committed));
            return null;
        }
    }

    /** topic, group: what is committed for partition 0. */
    private static Object committed(Cluster cluster, JsonNode arguments) {
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            TopicPartition partition = Consuming.partitions(arguments).iterator().next();
            return described(member.consumer.committed(Set.of(partition)).get(partition));
        }
    }

    static Map<String, Object> described(OffsetAndMetadata committed) {
        if (committed == null) {
            return null;
        }
        Map<String, Object> described = new HashMap<>();
        described.put("offset", committed.offset());
        described.put("metadata", committed.metadata());
        described.put("leader_epoch", committed.leaderEpoch().orElse(null));
        return described;
    }

    /** topic, group, count: reads at least that many as the only member; commits unless the client does so by itself. */
    private static Object resume(Cluster cluster, JsonNode arguments) {
        int count = arguments.get("count").asInt();
        boolean commitsByItself = arguments.path("config").path("enable.auto.commit").asBoolean();
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> member.read.size() >= count, member);
            if (!commitsByItself) {
                member.consumer.commitSync();
            }
            return values(member);
        }
    }

    private static List<String> values(Member member) {
        List<String> values = new ArrayList<>();
        member.read.forEach(each -> values.add(Text.text(each.value())));
        return values;
    }

    /** pattern, group, partitions: the topics that a subscription by pattern is given once it holds that many partitions. */
    private static Object pattern(Cluster cluster, JsonNode arguments) {
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            member.subscribe(Pattern.compile(arguments.get("pattern").asText()));
            Member.pollUntil(() -> member.holds(arguments.get("partitions").asInt()), member);
            return member.consumer.assignment().stream().map(TopicPartition::topic).distinct().sorted().toList();
        }
    }

    /** topic, group, count: what a member holds when the topic has been given so many partitions. */
    private static Object newPartitions(Cluster cluster, JsonNode arguments) throws Exception {
        int count = arguments.get("count").asInt();
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> !member.partitions().isEmpty(), member);
            cluster.admin.createPartitions(Map.of(arguments.get("topic").asText(), NewPartitions.increaseTo(count))).all().get();
            Member.pollUntil(() -> member.holds(count), member);
            return member.partitions();
        }
    }

    /** topic, group: the partitions of one member that joins and leaves. */
    private static Object join(Cluster cluster, JsonNode arguments) {
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> !member.partitions().isEmpty(), member);
            return member.partitions();
        }
    }
}
