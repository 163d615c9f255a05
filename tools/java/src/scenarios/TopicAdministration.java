package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.Uuid;

/** Admin: topics, their partitions and records. */
final class TopicAdministration {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "create_topic", TopicAdministration::createTopic,
            "describe_topic", TopicAdministration::describeTopic,
            "list_topics", TopicAdministration::listTopics,
            "delete_topic", TopicAdministration::deleteTopic,
            "create_partitions", TopicAdministration::createPartitions,
            "delete_records", TopicAdministration::deleteRecords);

    private TopicAdministration() {}

    /** topic, partitions and replication_factor or assignments [[node, …], …], configs, validate_only: what the cluster made of it. */
    private static Object createTopic(Cluster cluster, JsonNode arguments) throws Exception {
        String name = arguments.get("topic").asText();
        NewTopic topic = arguments.hasNonNull("assignments")
                ? new NewTopic(name, assignments(arguments.get("assignments")))
                : new NewTopic(name, number(arguments, "partitions"), number(arguments, "replication_factor").map(Integer::shortValue));
        Map<String, String> configs = new HashMap<>();
        arguments.path("configs").properties().forEach(each -> configs.put(each.getKey(), each.getValue().asText()));
        CreateTopicsOptions options = new CreateTopicsOptions().validateOnly(arguments.path("validate_only").asBoolean());
        CreateTopicsResult created = cluster.admin.createTopics(List.of(topic.configs(configs)), options);
        created.all().get();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("topic_id", created.topicId(name).get().toString());
        told.put("partitions", created.numPartitions(name).get());
        told.put("replication_factor", created.replicationFactor(name).get());
        Map<String, String> effective = new TreeMap<>();
        created.config(name).get().entries().forEach(each -> effective.put(each.name(), each.value()));
        told.put("configs", effective);
        return told;
    }

    private static Optional<Integer> number(JsonNode arguments, String name) {
        return arguments.hasNonNull(name) ? Optional.of(arguments.get(name).asInt()) : Optional.empty();
    }

    private static Map<Integer, List<Integer>> assignments(JsonNode given) {
        Map<Integer, List<Integer>> assignments = new HashMap<>();
        given.forEach(each -> assignments.put(assignments.size(), nodes(each)));
        return assignments;
    }

    private static List<Integer> nodes(JsonNode ids) {
        List<Integer> nodes = new ArrayList<>();
        ids.forEach(each -> nodes.add(each.asInt()));
        return nodes;
    }

    /** topic, with partitions_in_a_response if it shall come in parts; or topic_id. */
    private static Object describeTopic(Cluster cluster, JsonNode arguments) throws Exception {
        String id = Text.optional(arguments, "topic_id");
        if (id != null) {
            Uuid topicId = Uuid.fromString(id);
            return described(cluster.admin.describeTopics(TopicCollection.ofTopicIds(List.of(topicId))).topicIdValues().get(topicId).get());
        }
        String name = arguments.get("topic").asText();
        DescribeTopicsOptions options = new DescribeTopicsOptions();
        number(arguments, "partitions_in_a_response").ifPresent(options::partitionSizeLimitPerResponse);
        return described(cluster.admin.describeTopics(TopicCollection.ofTopicNames(List.of(name)), options).topicNameValues().get(name).get());
    }

    private static Map<String, Object> described(TopicDescription topic) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("name", topic.name());
        described.put("topic_id", topic.topicId().toString());
        described.put("is_internal", topic.isInternal());
        described.put("partitions", topic.partitions().stream().map(TopicAdministration::described).toList());
        return described;
    }

    private static Map<String, Object> described(TopicPartitionInfo partition) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("partition", partition.partition());
        described.put("leader", Text.id(partition.leader()));
        described.put("replicas", Text.ids(partition.replicas()));
        described.put("isr", Text.ids(partition.isr()));
        described.put("eligible_leaders", partition.elr() == null ? null : Text.ids(partition.elr()));
        return described;
    }

    private static Object listTopics(Cluster cluster, JsonNode arguments) throws Exception {
        ListTopicsOptions options = new ListTopicsOptions().listInternal(arguments.path("internal").asBoolean());
        Map<String, String> listed = new TreeMap<>();
        cluster.admin.listTopics(options).listings().get().forEach(each -> listed.put(each.name(), each.topicId().toString()));
        return listed;
    }

    /** topic or topic_id. */
    private static Object deleteTopic(Cluster cluster, JsonNode arguments) throws Exception {
        String id = Text.optional(arguments, "topic_id");
        cluster.admin
                .deleteTopics(
                        id == null
                                ? TopicCollection.ofTopicNames(List.of(arguments.get("topic").asText()))
                                : TopicCollection.ofTopicIds(List.of(Uuid.fromString(id))))
                .all()
                .get();
        return null;
    }

    /** topic, count, assignments of the new ones, validate_only. */
    private static Object createPartitions(Cluster cluster, JsonNode arguments) throws Exception {
        int count = arguments.get("count").asInt();
        List<List<Integer>> assignments = new ArrayList<>();
        arguments.path("assignments").forEach(each -> assignments.add(nodes(each)));
        NewPartitions partitions = assignments.isEmpty() ? NewPartitions.increaseTo(count) : NewPartitions.increaseTo(count, assignments);
        CreatePartitionsOptions options = new CreatePartitionsOptions().validateOnly(arguments.path("validate_only").asBoolean());
        cluster.admin.createPartitions(Map.of(arguments.get("topic").asText(), partitions), options).all().get();
        return null;
    }

    /** topic, before: the low watermark after deleting what is before that offset of partition 0. */
    private static Object deleteRecords(Cluster cluster, JsonNode arguments) throws Exception {
        TopicPartition partition = Consuming.partitions(arguments).iterator().next();
        RecordsToDelete records = RecordsToDelete.beforeOffset(arguments.get("before").asLong());
        return cluster.admin.deleteRecords(Map.of(partition, records)).lowWatermarks().get(partition).get().lowWatermark();
    }
}
