package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.ClassicGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.TopicPartition;

/** Admin: groups and their offsets. */
final class GroupAdministration {
    static final Map<String, Scenario> SCENARIOS = Map.of(
            "describe_group", GroupAdministration::describe,
            "describe_absent_group", GroupAdministration::describeAbsent,
            "list_group_offsets", GroupAdministration::listOffsets,
            "alter_group_offsets", GroupAdministration::alterOffsets,
            "delete_group_offsets", GroupAdministration::deleteOffsets,
            "delete_group", GroupAdministration::delete,
            "remove_member", GroupAdministration::removeMember,
            "administer_while_a_member_reads", GroupAdministration::administerWhileAMemberReads);

    private GroupAdministration() {}

    /** topic, group: how Admin sees a group with one member, and after that member left. */
    private static Object describe(Cluster cluster, JsonNode arguments) throws Exception {
        String group = arguments.get("group").asText();
        Map<String, Object> told = new LinkedHashMap<>();
        try (Member member = new Member(cluster, group, arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> !member.partitions().isEmpty(), member);
            member.consumer.commitSync();
            told.put("member_id", member.id());
            told.put("alive", views(cluster, group));
        }
        told.put("empty", views(cluster, group));
        return told;
    }

    private static Map<String, Object> views(Cluster cluster, String group) throws Exception {
        ConsumerGroupDescription consumerGroup = cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        ClassicGroupDescription classicGroup = cluster.admin.describeClassicGroups(List.of(group)).all().get().get(group);
        Map<String, Object> views = new LinkedHashMap<>();
        views.put("consumer_group", described(consumerGroup));
        views.put("classic_group", described(classicGroup));
        views.put("listed", listed(cluster, group, new ListGroupsOptions()));
        views.put("listed_as_consumer_group", listed(cluster, group, ListGroupsOptions.forConsumerGroups()));
        views.put("listed_as_stable", listed(cluster, group, new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE))));
        return views;
    }

    private static Map<String, Object> described(ConsumerGroupDescription group) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("state", group.groupState().toString());
        described.put("type", group.type().toString());
        described.put("assignor", group.partitionAssignor());
        described.put("is_simple", group.isSimpleConsumerGroup());
        described.put("coordinator", group.coordinator().id());
        described.put("members", group.members().stream().map(GroupAdministration::described).toList());
        return described;
    }

    private static Map<String, Object> described(ClassicGroupDescription group) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("state", group.state().toString());
        described.put("protocol", group.protocol());
        described.put("protocol_data", group.protocolData());
        described.put("members", group.members().stream().map(GroupAdministration::described).toList());
        return described;
    }

    private static Map<String, Object> described(MemberDescription member) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("member_id", member.consumerId());
        described.put("instance_id", member.groupInstanceId().orElse(null));
        described.put("client_id", member.clientId());
        described.put("host", member.host());
        described.put("partitions", member.assignment().topicPartitions().stream().map(TopicPartition::partition).sorted().toList());
        return described;
    }

    private static Map<String, Object> listed(Cluster cluster, String group, ListGroupsOptions options) throws Exception {
        for (GroupListing each : cluster.admin.listGroups(options).all().get()) {
            if (each.groupId().equals(group)) {
                Map<String, Object> described = new LinkedHashMap<>();
                described.put("type", each.type().map(Object::toString).orElse(null));
                described.put("protocol", each.protocol());
                described.put("state", each.groupState().map(Object::toString).orElse(null));
                return described;
            }
        }
        return null;
    }

    /** group. */
    private static Object describeAbsent(Cluster cluster, JsonNode arguments) throws Exception {
        String group = arguments.get("group").asText();
        return described(cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group));
    }

    /** group: offsets by "topic-partition". */
    private static Object listOffsets(Cluster cluster, JsonNode arguments) throws Exception {
        Map<String, Object> listed = new TreeMap<>();
        cluster.admin
                .listConsumerGroupOffsets(arguments.get("group").asText())
                .partitionsToOffsetAndMetadata()
                .get()
                .forEach((partition, committed) -> listed.put(partition.toString(), Groups.described(committed)));
        return listed;
    }

    /** topic, group, offset, metadata. */
    private static Object alterOffsets(Cluster cluster, JsonNode arguments) throws Exception {
        TopicPartition partition = Consuming.partitions(arguments).iterator().next();
        OffsetAndMetadata offset =
                new OffsetAndMetadata(arguments.get("offset").asLong(), Optional.empty(), arguments.path("metadata").asText(""));
        cluster.admin.alterConsumerGroupOffsets(arguments.get("group").asText(), Map.of(partition, offset)).all().get();
        return null;
    }

    /** topic, group. */
    private static Object deleteOffsets(Cluster cluster, JsonNode arguments) throws Exception {
        cluster.admin.deleteConsumerGroupOffsets(arguments.get("group").asText(), Consuming.partitions(arguments)).all().get();
        return null;
    }

    /** group. */
    private static Object delete(Cluster cluster, JsonNode arguments) throws Exception {
        cluster.admin.deleteConsumerGroups(List.of(arguments.get("group").asText())).all().get();
        return null;
    }

    /** topic, group, instance; config with that instance id: the group's state after its only member, which has not left, is removed. */
    private static Object removeMember(Cluster cluster, JsonNode arguments) throws Exception {
        String group = arguments.get("group").asText();
        try (Member member = new Member(cluster, group, arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> !member.partitions().isEmpty(), member);
        }
        MemberToRemove gone = new MemberToRemove(arguments.get("instance").asText());
        String before = cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState().toString();
        cluster.admin.removeMembersFromConsumerGroup(group, new RemoveMembersFromConsumerGroupOptions(Set.of(gone))).all().get();
        String after = cluster.admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState().toString();
        return List.of(before, after);
    }

    /** topic, group: how changes are refused while the group has a member that reads the topic. */
    private static Object administerWhileAMemberReads(Cluster cluster, JsonNode arguments) throws Exception {
        Map<String, Object> refusals = new LinkedHashMap<>();
        try (Member member = new Member(cluster, arguments.get("group").asText(), arguments.get("config"))) {
            member.subscribe(arguments.get("topic").asText());
            Member.pollUntil(() -> !member.partitions().isEmpty(), member);
            member.consumer.commitSync();
            refusals.put("delete_group", refusal(GroupAdministration::delete, cluster, arguments));
            refusals.put("delete_group_offsets", refusal(GroupAdministration::deleteOffsets, cluster, arguments));
            refusals.put("alter_group_offsets", refusal(GroupAdministration::alterOffsets, cluster, arguments));
        }
        return refusals;
    }

    private static String refusal(Scenario scenario, Cluster cluster, JsonNode arguments) throws Exception {
        try {
            scenario.play(cluster, arguments);
            return null;
        } catch (java.util.concurrent.ExecutionException refused) {
            return refused.getCause().getClass().getSimpleName();
        }
    }
}
