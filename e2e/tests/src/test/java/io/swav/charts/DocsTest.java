package io.swav.charts;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.swav.api.ConditionReason;
import io.swav.api.ConditionType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Checks the docs: links resolve, commands are run or marked with a reason, and alerts have their runbook sections. */
class DocsTest {
    private static final Pattern LINK = Pattern.compile("\\[[^]]*]\\(([^)]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");
    private static final Pattern TESTED = Pattern.compile("run: (\\w+)");

    private static List<Path> pages() throws IOException {
        List<Path> pages = new ArrayList<>();
        for (String page : List.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md")) {
            pages.add(ProjectFiles.PROJECT.resolve(page));
        }
        for (String folder : List.of("docs", "charts", "examples")) {
            pages.addAll(files(folder, ".md"));
        }
        return pages;
    }

    private static List<Path> files(String folder, String suffix) throws IOException {
        try (Stream<Path> files = Files.walk(ProjectFiles.PROJECT.resolve(folder))) {
            return files.filter(file -> file.toString().endsWith(suffix))
                    .sorted()
                    .toList();
        }
    }

    @TestFactory
    List<DynamicTest> linksResolve() throws IOException {
        return each((page, text) -> {
            for (Matcher link = LINK.matcher(text); link.find(); ) {
                String target = link.group(1);
                if (target.contains("://")) {
                    continue;
                }
                String file = target.replaceAll("#.*", "");
                Path there = file.isEmpty() ? page : page.resolveSibling(file).normalize();
                assertThat(there).as(target).exists();
                if (target.contains("#")) {
                    assertThat(anchors(Files.readString(there))).contains(target.replaceAll(".*#", ""));
                }
            }
        });
    }

    @TestFactory
    List<DynamicTest> commandsAreRunOrMarkedWithAReason() throws IOException {
        Set<String> tests = files("e2e/tests/src/test/java", ".java").stream()
                .map(file -> file.getFileName().toString().replace(".java", ""))
                .collect(Collectors.toSet());
        return each((page, text) -> {
            for (ShellBlock block : ShellBlock.of(text)) {
                assertThat(block.mark())
                        .as(
                                "the comment before the block at line %d: <!-- run: TEST --> or <!-- not run: why -->",
                                block.line())
                        .matches("run: \\w+|not run: .{10,}");
                Matcher tested = TESTED.matcher(block.mark());
                if (tested.matches()) {
                    assertThat(tests).contains(tested.group(1));
                }
            }
        });
    }

    @Test
    void everyAlertAndConditionIsInTheRunbook() throws IOException {
        String runbook = ProjectFiles.read("docs/runbook.md");
        JsonNode alerts = Chart.yaml(ProjectFiles.read("charts/swav-operator/files/alerts.yaml"));
        assertThat(alerts).isNotEmpty();
        for (JsonNode alert : alerts) {
            String name = alert.get("alert").asText();
            assertThat(headings(runbook)).contains(name);
            assertThat(alert.at("/annotations/runbook_url").asText()).endsWith("docs/runbook.md#" + anchor(name));
        }
        for (ConditionType type : ConditionType.values()) {
            assertThat(rows(section(runbook, "Conditions"))).contains(type.name());
        }
        assertThat(rows(section(runbook, "Reasons")))
                .containsExactlyInAnyOrderElementsOf(
                        Stream.of(ConditionReason.values()).map(Enum::name).toList());
    }

    /** The text from the heading to the next one of any level. */
    private static String section(String page, String heading) {
        return page.replaceFirst("(?s)^.*?\n#+ " + heading + "\n", "").replaceFirst("(?s)\n#.*", "");
    }

    /** The first column of a table, without its header. */
    private static List<String> rows(String section) {
        return section.lines()
                .filter(line -> line.startsWith("| "))
                .map(line -> line.split("\\|", -1)[1].trim())
                .skip(1)
                .toList();
    }

    private interface Check {
        void of(Path page, String text) throws Exception;
    }

    private static List<DynamicTest> each(Check check) throws IOException {
        return pages().stream()
                .map(page -> DynamicTest.dynamicTest(
                        ProjectFiles.PROJECT.relativize(page).toString(), () -> check.of(page, Files.readString(page))))
                .toList();
    }

    private static List<String> headings(String text) {
        return HEADING.matcher(text)
                .results()
                .map((MatchResult m) -> m.group(1))
                .toList();
    }

    private static List<String> anchors(String text) {
        return headings(text).stream().map(DocsTest::anchor).toList();
    }

    private static String anchor(String heading) {
        return heading.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9 -]", "").replace(' ', '-');
    }
}
