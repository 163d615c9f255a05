package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;

/**
 * Plays scenarios with the stock kafka-clients: `java … scenarios.Main BOOTSTRAP_SERVERS`.
 *
 * <p>Each line on standard input is a JSON object with a "scenario" and its arguments; each answer is one line on standard output,
 * with the "result", or the "error" (the exception's simple class name) and its "message".
 */
public final class Main {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Main() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        Map<String, Scenario> scenarios = new HashMap<>();
        scenarios.putAll(Producing.SCENARIOS);
        scenarios.putAll(Consuming.SCENARIOS);
        scenarios.putAll(Groups.SCENARIOS);
        scenarios.putAll(TopicAdministration.SCENARIOS);
        scenarios.putAll(ConfigAdministration.SCENARIOS);
        scenarios.putAll(GroupAdministration.SCENARIOS);
        scenarios.putAll(ClusterFacts.SCENARIOS);
        scenarios.putAll(Tools.SCENARIOS);
        scenarios.putAll(Background.SCENARIOS);
        try (Cluster cluster = new Cluster(arguments[0])) {
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                answers.println(JSON.writeValueAsString(play(scenarios, cluster, JSON.readTree(line))));
            }
        }
    }

    private static Map<String, Object> play(Map<String, Scenario> scenarios, Cluster cluster, JsonNode request) {
        String name = request.path("scenario").asText();
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("scenario", name);
        try {
            if (!scenarios.containsKey(name)) {
                throw new IllegalArgumentException("no scenario is called " + name);
            }
            answer.put("result", scenarios.get(name).play(cluster, request));
        } catch (Throwable error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            cause.printStackTrace();
            answer.put("error", cause.getClass().getSimpleName());
            answer.put("message", String.valueOf(cause.getMessage()));
        }
        return answer;
    }
}
