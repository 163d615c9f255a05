package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.config.ConfigResource;

/** Admin: configurations. A resource is given as type ("topic", "broker", "group" …) and name. */
final class ConfigAdministration {
    static final Map<String, Scenario> SCENARIOS =
            Map.of("describe_configs", ConfigAdministration::describe, "alter_configs", ConfigAdministration::alter);

    private ConfigAdministration() {}

    private static ConfigResource resource(JsonNode arguments) {
        String type = arguments.get("type").asText().toUpperCase(Locale.ROOT);
        return new ConfigResource(ConfigResource.Type.valueOf(type), arguments.get("name").asText());
    }

    /** type, name. */
    private static Object describe(Cluster cluster, JsonNode arguments) throws Exception {
        ConfigResource resource = resource(arguments);
        DescribeConfigsOptions options = new DescribeConfigsOptions().includeDocumentation(true).includeSynonyms(true);
        Map<String, Object> entries = new TreeMap<>();
        for (ConfigEntry each : cluster.admin.describeConfigs(List.of(resource), options).values().get(resource).get().entries()) {
            entries.put(each.name(), described(each));
        }
        return entries;
    }

    private static Map<String, Object> described(ConfigEntry entry) {
        Map<String, Object> described = new LinkedHashMap<>();
        described.put("value", entry.value());
        described.put("source", entry.source().name());
        described.put("type", entry.type().name());
        described.put("is_default", entry.isDefault());
        described.put("is_read_only", entry.isReadOnly());
        described.put("is_sensitive", entry.isSensitive());
        described.put("has_documentation", entry.documentation() != null && !entry.documentation().isEmpty());
        described.put("synonyms", entry.synonyms().stream().map(ConfigEntry.ConfigSynonym::name).toList());
        return described;
    }

    /** type, name, operations [[operation, key, value]], validate_only. */
    private static Object alter(Cluster cluster, JsonNode arguments) throws Exception {
        List<AlterConfigOp> operations = new ArrayList<>();
        for (JsonNode each : arguments.get("operations")) {
            AlterConfigOp.OpType type = AlterConfigOp.OpType.valueOf(each.get(0).asText().toUpperCase(Locale.ROOT));
            String value = each.hasNonNull(2) ? each.get(2).asText() : null;
            operations.add(new AlterConfigOp(new ConfigEntry(each.get(1).asText(), value), type));
        }
        AlterConfigsOptions options = new AlterConfigsOptions().validateOnly(arguments.path("validate_only").asBoolean());
        cluster.admin.incrementalAlterConfigs(Map.of(resource(arguments), operations), options).all().get();
        return null;
    }
}
