package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NewcomerListTest {
    private static final World.Member ONE = new World.Member("job-1", "uid-1", "10.0.0.1:7000");
    private static final World.Member TWO = new World.Member("job-2", "uid-2", "[fd00::2]:7000");

    @Test
    void readsWhatItWrites() {
        assertThat(NewcomerList.read(NewcomerList.write(List.of(ONE, TWO)))).containsExactly(ONE, TWO);
        assertThat(NewcomerList.read(NewcomerList.write(List.of()))).isEmpty();
    }

    @Test
    void anyOtherTextHasNoNewcomers() {
        for (String text : new String[] {
            null, "", " ", "null", "{}", "[", "3", "[3]", "[[]]", "{\"uid\": \"u\"}", "[".repeat(100_000)
        }) {
            assertThat(NewcomerList.read(text))
                    .as(text == null ? "no text" : text.substring(0, Math.min(9, text.length())))
                    .isEmpty();
        }
    }

    @Test
    void leavesOutWhatCannotBeCalled() {
        String entry = "{\"pod\": \"p\", \"uid\": %s, \"address\": %s}";
        String list = "[null, " + entry.formatted("null", "\"a:1\"") + ", " + entry.formatted("\" \"", "\"a:1\"") + ", "
                + entry.formatted("\"u\"", "null") + ", " + entry.formatted("\"u\"", "\"a:99999\"") + ", "
                + entry.formatted("\"u\"", "\"a:1\"") + "]";
        assertThat(NewcomerList.read(list)).containsExactly(new World.Member("p", "u", "a:1"));
    }

    @Test
    void hasALimit() {
        List<World.Member> many = IntStream.range(0, 1000)
                .mapToObj(i -> new World.Member("job-" + i, "uid-" + i, "10.0.0.1:7000"))
                .toList();
        assertThat(NewcomerList.read(NewcomerList.write(many))).hasSize(NewcomerList.MOST);
    }
}
