package io.swav.operatorbench;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The bench as a person runs it, with a few jobs; and what it shows of the operator. */
class OperatorBenchIT {
    @TempDir
    private Path dir;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @BeforeEach
    void findTheProject() {
        System.setProperty(
                "swav.home", Path.of("../..").toAbsolutePath().normalize().toString());
    }

    private int run(String... arguments) {
        return new CommandLine(new OperatorBench())
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(arguments);
    }

    private static int count(JsonNode requests, String request) {
        return requests.path(request).asInt(0);
    }

    @Test
    void measuresJobsOfAllKinds() throws Exception {
        Path json = dir.resolve("report.json");
        int code = run("--jobs=8", "--nodes=2", "--idle-seconds=5", "--probes=2", "--signals=1", "--json=" + json);

        assertThat(code).as("%s%n%s", out, err).isZero();
        JsonNode report = new ObjectMapper().readTree(json.toFile());
        assertThat(report.path("problems")).isEmpty();
        assertThat(report.at("/setting/jobs/RUNNING").asInt()).isEqualTo(2);
        assertThat(report.at("/podSeconds/count").asInt()).isEqualTo(2);
        assertThat(report.at("/deletedToWorld/count").asInt()).isEqualTo(1);
        assertThat(report.at("/taintedToWorld/count").asInt()).isPositive();
        assertThat(report.at("/memory/liveHeapBytes").asLong()).isBetween(5_000_000L, 500_000_000L);
        assertThat(count(report.at("/settle/requests"), "create pods")).isEqualTo(12);
        assertThat(report.at("/start/requests").toString())
                .as("the chart's rights suffice to list, in pages, and to watch")
                .contains("\"list pods\"", "\"watch pods\"", "\"list nodes\"", "\"list swavjobs\"")
                .doesNotContain("all at once");
        assertThat(out.toString()).contains("new job to its pods").contains("8 jobs (2 suspended");
    }

    /** The pods of ended jobs lie on the nodes, whose kubelets write their status once or twice in this time. */
    @Test
    void neitherANodesHeartbeatNorARestartWritesAnything() throws Exception {
        Path json = dir.resolve("report.json");
        int code = run(
                "--jobs=4",
                "--mix=ENDED=1",
                "--nodes=2",
                "--idle-seconds=15",
                "--probes=0",
                "--signals=0",
                "--json=" + json);

        assertThat(code).as("%s%n%s", out, err).isZero();
        JsonNode report = new ObjectMapper().readTree(json.toFile());
        JsonNode idle = report.path("idle");
        assertThat(idle.path("reconciliations").asInt()).as("%s", idle).isLessThanOrEqualTo(2);
        assertThat(idle.path("writes").asInt()).as("%s", idle).isZero();
        assertThat(report.at("/restart/writes").asInt())
                .as("a restart writes nothing, not even Events that would be refused: %s", report.path("restart"))
                .isZero();
    }

    @Test
    void injectsFaultsUnderWhichNothingIsLost() throws Exception {
        Path json = dir.resolve("report.json");
        int code = run(
                "--jobs=4",
                "--mix=RUNNING=1",
                "--nodes=3",
                "--idle-seconds=1",
                "--probes=3",
                "--signals=4",
                "--chaos=10",
                "--kills=2",
                "--json=" + json);

        assertThat(code).as("%s%n%s", out, err).isZero();
        JsonNode report = new ObjectMapper().readTree(json.toFile());
        assertThat(report.path("problems")).isEmpty();
        assertThat(report.path("faults").size()).as("%s", report.path("faults")).isGreaterThanOrEqualTo(5);
        assertThat(report.at("/faults/CUT").asInt())
                .as("jobs, pods, maps and nodes are watched")
                .isGreaterThanOrEqualTo(4);
        assertThat(report.at("/podSeconds/count").asInt()).isEqualTo(3);
        assertThat(report.at("/deletedToWorld/count").asInt()).isEqualTo(4);
    }

    @Test
    void refusesOptionsThatMakeNoSense() {
        assertThat(run("--jobs=0")).isEqualTo(2);
        assertThat(err.toString()).contains("--jobs must be between 1 and");
        assertThat(run("--mix=PROBE=1")).isEqualTo(2);
        assertThat(err.toString()).contains("--mix");
        assertThat(run("--chaos=100")).isEqualTo(2);
    }
}
