package io.swav.operator;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.swav.operator.WatchedNamespaces.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;

class WatchedNamespacesTest {
    private static final Access ALLOWED = new Access.Allowed();
    private static final Access REFUSED = new Access.Forbidden("forbidden");
    private static final Access UNKNOWN = new Access.Unknown();

    /** Enumerates both states of a namespace, all answers about it, and both states of another one, which must stay as it is. */
    @Test
    void aNamespaceIsWatchedUntilItIsRefusedAndNotBeforeItIsAllowed() {
        for (boolean watched : List.of(true, false)) {
            for (Access answer : List.of(ALLOWED, REFUSED, UNKNOWN)) {
                for (boolean other : List.of(true, false)) {
                    Set<String> before = new TreeSet<>();
                    if (watched) {
                        before.add("a");
                    }
                    if (other) {
                        before.add("b");
                    }
                    Set<String> next = WatchedNamespaces.next(before, Map.of("a", answer));
                    boolean expected = answer.equals(ALLOWED) || (watched && answer.equals(UNKNOWN));
                    assertThat(next.contains("a")).as("%s, %s", before, answer).isEqualTo(expected);
                    assertThat(next.contains("b")).as("%s, %s", before, answer).isEqualTo(other);
                    assertThat(WatchedNamespaces.next(next, Map.of("a", answer)))
                            .as("the same answer again changes nothing")
                            .isEqualTo(next);
                }
            }
        }
    }

    @Test
    void startsWithWhatMayBeReadAndNamesTheRest() throws Exception {
        Map<String, Access> answers = new ConcurrentHashMap<>(Map.of("a", ALLOWED, "b", REFUSED, "c", UNKNOWN));
        try (WatchedNamespaces namespaces =
                new WatchedNamespaces(Set.of("a", "b", "c"), name -> answers.getOrDefault(name, UNKNOWN))) {
            assertThat(namespaces.awaitFirst()).containsExactly("a");
            assertThat(namespaces.isWatched("a")).isTrue();
            assertThat(namespaces.isWatched("b")).isFalse();
            assertThat(namespaces.isWatched("c")).isFalse();
            assertThat(namespaces.notes())
                    .singleElement()
                    .asString()
                    .startsWith("namespace b is not watched: forbidden.")
                    .contains("RoleBinding", "--namespaces");
            assertThat(namespaces.problems()).as("the operator works").isEmpty();
        }
    }

    @Test
    void cannotWorkIfAllNamespacesAreRefused() throws Exception {
        Map<String, Access> answers = new ConcurrentHashMap<>(Map.of("a", REFUSED));
        try (WatchedNamespaces namespaces =
                new WatchedNamespaces(Set.of("a"), name -> answers.getOrDefault(name, UNKNOWN))) {
            Thread start = new Thread(() -> {
                try {
                    namespaces.awaitFirst();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            start.start();
            await().untilAsserted(() -> assertThat(namespaces.problems()).hasSize(1));
            answers.put("a", ALLOWED);
            start.join(30_000);
            assertThat(namespaces.isWatched("a")).isTrue();
            assertThat(namespaces.problems()).isEmpty();
        }
    }

    @Test
    void oneRefusalAfterAnotherEndsAWatchAndASingleOneDoesNot() throws Exception {
        Map<String, Access> answers = new ConcurrentHashMap<>(Map.of("a", ALLOWED, "b", ALLOWED));
        List<Set<String>> changes = new ArrayList<>();
        List<String> left = new ArrayList<>();
        try (WatchedNamespaces namespaces =
                new WatchedNamespaces(Set.of("a", "b"), name -> answers.getOrDefault(name, UNKNOWN))) {
            namespaces.awaitFirst();
            Runnable check = () -> namespaces.check(Set.of("a", "b"), changes::add, left::add);
            answers.putAll(Map.of("a", REFUSED, "b", REFUSED)); // as by an API server that has just started
            check.run();
            answers.put("b", ALLOWED);
            check.run();
            assertThat(changes).containsExactly(Set.of("b"));
            assertThat(namespaces.notes()).singleElement().asString().startsWith("namespace a is not watched");
            assertThat(left).containsExactly("a");
            answers.put("b", REFUSED);
            check.run();
            namespaces.check(Set.of(), changes::add, left::add); // it watches again
            check.run();
            assertThat(changes).as("these refusals of b were not in a row").hasSize(1);
            assertThat(left).as("what was under way may have left traces").containsExactly("a", "a", "a", "a");
            answers.put("a", ALLOWED);
            check.run();
            assertThat(changes).last().isEqualTo(Set.of("a"));
        }
    }
}
