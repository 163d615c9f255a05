package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ReplicaInfo;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;

/** Admin: the cluster, its log directories and offsets; and what may be left out of a server. */
final class ClusterFacts {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "describe_cluster", ClusterFacts::describeCluster,
            "describe_log_dirs", ClusterFacts::describeLogDirs,
            "list_offsets", ClusterFacts::listOffsets,
            "describe_features", ClusterFacts::describeFeatures,
            "describe_producers", ClusterFacts::describeProducers,
            "elect_leaders", ClusterFacts::electLeaders,
            "list_reassignments", ClusterFacts::listReassignments,
            "list_transactions", ClusterFacts::listTransactions,
            "murmur2", ClusterFacts::murmur2);

    private ClusterFacts() {}

    private static Object describeCluster(Cluster cluster, JsonNode arguments) throws Exception {
        DescribeClusterResult described = cluster.admin.describeCluster();
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("cluster_id", described.clusterId().get());
        told.put("controller", described.controller().get().id());
        told.put("nodes", described.nodes().get().stream().map(Node::id).sorted().toList());
        told.put("addresses", described.nodes().get().stream().map(each -> each.host() + ":" + each.port()).sorted().toList());
        return told;
    }

    /** topic: by node, the size of each of its partitions there, and whether the directory says how large it is. */
    private static Object describeLogDirs(Cluster cluster, JsonNode arguments) throws Exception {
        String topic = arguments.get("topic").asText();
        List<Integer> nodes = cluster.admin.describeCluster().nodes().get().stream().map(Node::id).toList();
        Map<Integer, Object> told = new TreeMap<>();
        for (Map.Entry<Integer, Map<String, LogDirDescription>> node : cluster.admin.describeLogDirs(nodes).allDescriptions().get().entrySet()) {
            Map<String, Object> sizes = new TreeMap<>();
            boolean sized = true;
            for (LogDirDescription directory : node.getValue().values()) {
                sized &= directory.totalBytes().orElse(0) > 0 && directory.usableBytes().orElse(0) > 0 && directory.error() == null;
                for (Map.Entry<TopicPartition, ReplicaInfo> replica : directory.replicaInfos().entrySet()) {
                    if (replica.getKey().topic().equals(topic)) {
                        sizes.put(replica.getKey().toString(), replica.getValue().size());
                    }
                }
            }
            told.put(node.getKey(), Map.of("sizes", sizes, "is_sized", sized));
        }
        return told;
    }

    /** topic, spec (a word, or a time): [offset, timestamp] of partition 0. */
    private static Object listOffsets(Cluster cluster, JsonNode arguments) throws Exception {
        TopicPartition partition = Consuming.partitions(arguments).iterator().next();
        OffsetSpec spec = switch (arguments.get("spec").asText()) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            case "max_timestamp" -> OffsetSpec.maxTimestamp();
            case "earliest_local" -> OffsetSpec.earliestLocal();
            case "latest_tiered" -> OffsetSpec.latestTiered();
            case "earliest_pending_upload" -> OffsetSpec.earliestPendingUpload();
            default -> OffsetSpec.forTimestamp(arguments.get("spec").asLong());
        };
        var found = cluster.admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
        return List.of(found.offset(), found.timestamp());
    }

    private static Object describeFeatures(Cluster cluster, JsonNode arguments) throws Exception {
        Map<String, Object> features = new TreeMap<>();
        cluster.admin.describeFeatures().featureMetadata().get().finalizedFeatures()
                .forEach((name, range) -> features.put(name, range.maxVersionLevel()));
        return features;
    }

    /** topic. */
    private static Object describeProducers(Cluster cluster, JsonNode arguments) throws Exception {
        TopicPartition partition = Consuming.partitions(arguments).iterator().next();
        return cluster.admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers().size();
    }

    /** topic. */
    private static Object electLeaders(Cluster cluster, JsonNode arguments) throws Exception {
        return cluster.admin.electLeaders(ElectionType.PREFERRED, Consuming.partitions(arguments)).partitions().get().size();
    }

    private static Object listReassignments(Cluster cluster, JsonNode arguments) throws Exception {
        return cluster.admin.listPartitionReassignments().reassignments().get().size();
    }

    private static Object listTransactions(Cluster cluster, JsonNode arguments) throws Exception {
        return cluster.admin.listTransactions().all().get().size();
    }

    /** keys: Java's hash of each. */
    private static Object murmur2(Cluster cluster, JsonNode arguments) {
        return Text.list(arguments.get("keys")).stream().map(each -> Utils.murmur2(Utils.utf8(each))).toList();
    }
}
