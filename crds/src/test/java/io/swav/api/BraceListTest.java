package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares with what bash prints for {@code echo}. */
class BraceListTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "s-{000..003}.tar | s-000.tar s-001.tar s-002.tar s-003.tar",
                "s-{8..11}.tar | s-8.tar s-9.tar s-10.tar s-11.tar",
                "s-{08..11} | s-08 s-09 s-10 s-11",
                "s-{3..1} | s-3 s-2 s-1",
                "s-{0..9..4} | s-0 s-4 s-8",
                "{a,b}/x-{1..2} | a/x-1 a/x-2 b/x-1 b/x-2",
                "{a,b{1..2},}c | ac b1c b2c c",
                "{train,extra}/*.tar | train/*.tar extra/*.tar",
                "plain | plain",
                "{one} | {one}",
                "a}b | a}b",
                "{} | {}"
            })
    void expandsAsBash(String text, String names) {
        assertThat(BraceList.expand(text)).containsExactly(names.split(" "));
        assertThat(BraceList.isPattern(text)).isEqualTo(!BraceList.expand(text).equals(List.of(text)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"s-{000..099.tar", "{a,{b}", "{"})
    void anOpenBraceIsNamed(String text) {
        assertThatThrownBy(() -> BraceList.expand(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(text)
                .hasMessageContaining("{ without a }");
        assertThat(BraceList.isPattern(text)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"{0..1000000}", "{1..99999}{1..99999}", "{000000000000000000..999999999999999999}"})
    void aDigitTooManyTakesNoMemory(String text) {
        assertThatThrownBy(() -> BraceList.expand(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("more than 1000000 names");
        assertThat(BraceList.isPattern(text)).isTrue();
    }

    @Test
    void aMillionNamesAreAllowed() {
        assertThat(BraceList.expand("s-{000000..999999}.tar"))
                .hasSize(1_000_000)
                .endsWith("s-999999.tar");
    }
}
