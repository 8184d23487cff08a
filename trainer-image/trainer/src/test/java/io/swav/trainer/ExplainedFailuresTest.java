package io.swav.trainer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.swav.api.ExitCodes;
import io.swav.api.InvalidSpecException;
import io.swav.api.TrainerExitException;
import io.swav.data.DataException;
import io.swav.numerics.UnsoundMachineException;
import io.swav.numerics.Verdict;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** Tests the sentence and the exit code of a command that fails. */
class ExplainedFailuresTest {
    @Command(name = "fail")
    private record Fail(Exception failure) implements Callable<Integer> {
        @Override
        public Integer call() throws Exception {
            throw failure;
        }
    }

    private final StringWriter said = new StringWriter();

    static Stream<Arguments> failures() {
        return Stream.of(
                Arguments.of(new TrainerExitException(ExitCodes.PORT_IN_USE, "port 1"), 69, "port 1"),
                Arguments.of(DataException.badData("too small"), 65, "too small"),
                Arguments.of(DataException.noInput("no folder"), 66, "no folder"),
                Arguments.of(new InvalidSpecException("job.yaml", List.of("spec.data")), 78, "job.yaml: spec.data"),
                Arguments.of(
                        new UnsoundMachineException(new Verdict.Unsound("CPU", "sum")),
                        78,
                        new Verdict.Unsound("CPU", "sum").explanation()),
                Arguments.of(new NoSuchFileException("a.yaml"), 66, "there is no a.yaml"),
                Arguments.of(new FileSystemException("b", null, "full"), 73, "b: full"));
    }

    @ParameterizedTest
    @MethodSource("failures")
    void failureThatAUserCanFixIsOneSentence(Exception failure, int code, String sentence) {
        assertThat(execute(failure, Main::explain)).isEqualTo(code);
        assertThat(said).hasToString("swav fail: " + sentence + System.lineSeparator());
    }

    @Test
    void anyOtherFailureKeepsItsStackTrace() {
        IllegalStateException fault = new IllegalStateException("a fault");
        assertThat(execute(fault, (failure, command, parsed) -> {
                    assertThatThrownBy(() -> Main.explain(failure, command, parsed))
                            .isSameAs(fault);
                    return 1;
                }))
                .isEqualTo(1);
        assertThat(said.toString()).isEmpty();
    }

    private int execute(Exception failure, CommandLine.IExecutionExceptionHandler handler) {
        return new CommandLine(new Fail(failure))
                .setErr(new PrintWriter(said, true))
                .setExecutionExceptionHandler(handler)
                .execute();
    }
}
