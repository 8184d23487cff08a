package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class RemoteNamesTest {
    @Test
    void aPrefixIsAFolder() {
        assertThat(RemoteNames.of("a/b")).isEqualTo(new RemoteNames("a/b/", List.of(), List.of(), List.of("")));
        assertThat(RemoteNames.of("a/b/")).isEqualTo(RemoteNames.of("a/b"));
        assertThat(RemoteNames.of("")).isEqualTo(new RemoteNames("", List.of(), List.of(), List.of("")));
    }

    @Test
    void namesAreRelativeToTheFolderBeforeThePattern() {
        assertThat(RemoteNames.of("a/b/x.tar"))
                .isEqualTo(new RemoteNames("a/b/", List.of("x.tar"), List.of(), List.of()));
        assertThat(RemoteNames.of("x.tar.gz"))
                .isEqualTo(new RemoteNames("", List.of("x.tar.gz"), List.of(), List.of()));
        assertThat(RemoteNames.of("a/s-{0..1}.tar"))
                .isEqualTo(new RemoteNames("a/", List.of("s-0.tar", "s-1.tar"), List.of(), List.of()));
        assertThat(RemoteNames.of("a/{b,c/d}/*.tar"))
                .isEqualTo(new RemoteNames("a/", List.of(), List.of("b/*.tar", "c/d/*.tar"), List.of()));
        assertThat(RemoteNames.of("a/{b,c}"))
                .isEqualTo(new RemoteNames("a/", List.of(), List.of(), List.of("b/", "c/")));
    }

    @Test
    void aPatternDoesNotMatchASlash() {
        assertThat(RemoteNames.matches("b/*.tar", "b/x.tar")).isTrue();
        assertThat(RemoteNames.matches("b/*.tar", "b/c/x.tar")).isFalse();
        assertThat(RemoteNames.literalStart("b/s-0?.tar")).isEqualTo("b/s-0");
    }
}
