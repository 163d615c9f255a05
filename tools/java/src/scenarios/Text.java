package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.kafka.common.Node;

/** Between the texts of JSON and the bytes and objects of Kafka. */
final class Text {
    private Text() {}

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() || text.isMissingNode() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    /** Null if the argument is not given. */
    static String optional(JsonNode arguments, String name) {
        return arguments.hasNonNull(name) ? arguments.get(name).asText() : null;
    }

    static List<String> list(JsonNode texts) {
        List<String> listed = new ArrayList<>();
        texts.forEach(each -> listed.add(each.asText()));
        return listed;
    }

    static List<Integer> ids(Collection<Node> nodes) {
        return nodes.stream().map(Node::id).toList();
    }

    static Integer id(Node node) {
        return node == null ? null : node.id();
    }
}
