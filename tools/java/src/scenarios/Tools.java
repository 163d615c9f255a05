package scenarios;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.utils.Exit;

/** The commands that come with Kafka (kafka-topics.sh and its like), run in this process. */
final class Tools {
    static final Map<String, Scenario> SCENARIOS = Map.of("tool", Tools::play);

    private Tools() {}

    /** command (a class), arguments, input: its exit status and the lines it printed. BOOTSTRAP among the arguments stands for the cluster. */
    private static Object play(Cluster cluster, JsonNode arguments) throws Exception {
        String[] given = Text.list(arguments.get("arguments")).stream()
                .map(each -> each.equals("BOOTSTRAP") ? cluster.bootstrapServers : each)
                .toArray(String[]::new);
        PrintStream out = System.out;
        PrintStream errors = System.err;
        InputStream in = System.in;
        Run run = new Run();
        System.setOut(run.prints);
        System.setErr(run.prints);
        System.setIn(new ByteArrayInputStream(arguments.path("input").asText().getBytes(StandardCharsets.UTF_8)));
        Exit.setExitProcedure(run::exit);
        Exit.setHaltProcedure(run::exit);
        try {
            run.main(arguments.get("command").asText(), given);
            return Map.of("status", run.status, "printed", run.lines);
        } finally {
            Exit.resetExitProcedure();
            Exit.resetHaltProcedure();
            System.setOut(out);
            System.setErr(errors);
            System.setIn(in);
        }
    }

    /** One run of a command, until it ends or asks to exit. What it makes of being held from exiting does not count. */
    private static final class Run {
        final ByteArrayOutputStream printed = new ByteArrayOutputStream();
        final PrintStream prints = new PrintStream(printed, true, StandardCharsets.UTF_8);
        int status;
        List<String> lines;

        void main(String command, String[] arguments) throws Exception {
            try {
                Class.forName(command).getMethod("main", String[].class).invoke(null, (Object) arguments);
            } catch (InvocationTargetException raised) {
                if (lines == null) {
                    throw raised.getCause() instanceof Exception cause ? cause : raised;
                }
            }
            end(0);
        }

        void exit(int status, String message) {
            end(status);
            throw new IllegalStateException("held from exiting");
        }

        private void end(int status) {
            if (lines == null) {
                this.status = status;
                lines = printed.toString(StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).toList();
            }
        }
    }
}
