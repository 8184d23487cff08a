package io.swav.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class VariableExpansionTest {
    @ParameterizedTest
    @CsvSource({
        "$(NAME), swav",
        "a$(NAME)b$(NAME), aswavbswav",
        "$(UNKNOWN), $(UNKNOWN)",
        "$$(NAME), $(NAME)",
        "$NAME, $NAME"
    })
    void expandsVariablesAsKubernetesDoes(String text, String expected) {
        assertThat(VariableExpansion.variables(text, Map.of("NAME", "swav"))).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({
        "/data, /host/d",
        "/data/x, /host/d/x",
        "file:///data/train, file:///host/d/train",
        "--out=/data, --out=/host/d",
        "/database, /database",
        "/var/data, /var/data",
        "/data/inner/y, /elsewhere/y",
        "a:/data:/data, a:/host/d:/host/d"
    })
    void replacesContainerPathsByHostPaths(String text, String expected) {
        assertThat(VariableExpansion.paths(text, Map.of("/data", "/host/d", "/data/inner", "/elsewhere")))
                .isEqualTo(expected);
    }
}
