package scenarios;

import com.fasterxml.jackson.databind.JsonNode;

/** What is done against a cluster, and what a client was told: maps, lists, texts and numbers. */
@FunctionalInterface
interface Scenario {
    Object play(Cluster cluster, JsonNode arguments) throws Exception;
}
