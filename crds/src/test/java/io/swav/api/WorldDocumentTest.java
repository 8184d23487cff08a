package io.swav.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class WorldDocumentTest {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String A = member("a", "uid-a", "10.0.0.1:7000");
    private static final String B = member("b", "uid-b", "10.0.0.2:7000");
    private static final String SETTINGS =
            "{\"maxBadSamples\": 100, \"everySteps\": 25, \"keep\": 3, \"noticeSeconds\": 15}";
    /** 10,000 with -Dswav.fuzz.documents=10000. */
    private static final int DOCUMENTS = Integer.getInteger("swav.fuzz.documents", 1000);

    private static String member(String pod, String uid, String address) {
        return "{\"pod\": \"%s\", \"uid\": \"%s\", \"address\": \"%s\"}".formatted(pod, uid, address);
    }

    private static String document(String generation, String... members) {
        return "{\"generation\": %s, \"job\": \"job\", \"members\": [%s], \"why\": \"test\"}"
                .formatted(generation, String.join(", ", members));
    }

    private static String deep(String open, String close) {
        return open.repeat(100_000) + close.repeat(100_000);
    }

    /** Returns a document in which a member's field is missing. */
    private static String without(String field) {
        return document("4", A, B)
                .replaceFirst("\"" + field + "\": \"[^\"]*\",? ?", "")
                .replace(", }", "}");
    }

    static Stream<Arguments> nonsense() {
        String megabyte = IntStream.range(0, 15_000)
                .mapToObj(i -> member("p" + i, "uid-" + i, "10.0.0.1:" + (1000 + i)))
                .collect(Collectors.joining(", "));
        return Stream.of(
                Arguments.of(
                        "is wrong about rank 1: its address 10.0.0.2:99999 is not",
                        document("4", A, B.replace("7000", "99999"))),
                Arguments.of("its address 10.0.0.2:0 is not", document("4", A, B.replace("7000", "0"))),
                Arguments.of("its address 10.0.0.2 is not", document("4", A, B.replace(":7000", ""))),
                Arguments.of("its address ::1 is not", document("4", A, B.replace("10.0.0.2:7000", "::1"))),
                Arguments.of("its address [fd00::1] is not", document("4", A, B.replace("10.0.0.2:7000", "[fd00::1]"))),
                Arguments.of("rank 0: it has no address", without("address")),
                Arguments.of("it has no address", document("4", A, B.replace("10.0.0.2:7000", ""))),
                Arguments.of("it has no address", document("4", A, B.replace("\"10.0.0.2:7000\"", "null"))),
                Arguments.of("rank 0: it has no uid", without("uid")),
                Arguments.of("it has no uid", document("4", A, B.replace("uid-b", " "))),
                Arguments.of("rank 0: it has no pod", without("pod")),
                Arguments.of("its uid uid-a is that of another member", document("4", A, B.replace("uid-b", "uid-a"))),
                Arguments.of("its pod a is that of another member", document("4", A, B.replace("\"b\"", "\"a\""))),
                Arguments.of("its uid uid-a is that of another", document("4", A, A)),
                Arguments.of("has generation 9223372036854775807, above", document("9223372036854775807", A, B)),
                Arguments.of("has generation 9223372036854775806, above", document("9223372036854775806", A, B)),
                Arguments.of("has generation 1000000001, above", document("1000000001", A, B)),
                Arguments.of("has generation 1000004, but the newest known one is 3", document("1000004", A, B)),
                Arguments.of("cannot be read", document("9223372036854775808", A, B)),
                Arguments.of("cannot be read", document("1e999999999", A, B)),
                Arguments.of("has members but no generation", document("0", A, B)),
                Arguments.of("has members but no generation", document("null", A, B)),
                Arguments.of("cannot be read: world generation is negative: -1", document("-1", A, B)),
                Arguments.of("world generation is negative", document("-9223372036854775808", A, B)),
                Arguments.of("cannot be read", document("4.5", A, B)),
                Arguments.of("cannot be read", document("\"4\"", A, B)),
                Arguments.of("cannot be read", document("{}", A, B)),
                Arguments.of("cannot be read", document("4, \"generation\": 5", A, B)),
                Arguments.of("cannot be read: a world needs a list of members", document("4", A, "null")),
                Arguments.of("a world needs a list of members", "{\"generation\": 4, \"job\": \"job\"}"),
                Arguments.of("a world needs a list", "{\"generation\": 4, \"job\": \"job\", \"members\": null}"),
                Arguments.of("cannot be read", "{\"generation\": 4, \"job\": \"job\", \"members\": {}}"),
                Arguments.of("cannot be read", document("4", "\"a\"", "7")),
                Arguments.of("cannot be read", document("4", A) + document("5", A)),
                Arguments.of("cannot be read", document("4", A, B).substring(0, 60)),
                Arguments.of("cannot be read", "the world is fine"),
                Arguments.of("cannot be read", ""),
                Arguments.of("cannot be read", "\0\0\0\0"),
                Arguments.of("cannot be read", "[]"),
                Arguments.of("cannot be read", "\"text\""),
                Arguments.of("cannot be read", "4"),
                Arguments.of("is null", "null"),
                Arguments.of("cannot be read", deep("[", "]")),
                Arguments.of("cannot be read", deep("{\"a\":", "}")),
                Arguments.of("cannot be read", document("4", A, deep("[", "]"))),
                Arguments.of("cannot be read", document("4, \"later\": " + deep("[", "]"), A, B)),
                Arguments.of("names 15000 members, but the job has work for 64", document("4", megabyte)),
                Arguments.of("cannot be read", document("4, \"epochs\": []", A)),
                Arguments.of("cannot be read", document("4, \"epochs\": 200", A)),
                Arguments.of("cannot be read", document("4, \"epochs\": [{\"step\": 0, \"epochs\": 0}]", A)),
                Arguments.of("cannot be read", document("4, \"epochs\": [{\"step\": -1, \"epochs\": 9}]", A)),
                Arguments.of(
                        "epochs must grow",
                        document("4, \"epochs\": [{\"step\": 0, \"epochs\": 9}, {\"step\": 5, \"epochs\": 8}]", A)),
                Arguments.of(
                        "epochs must grow",
                        document("4, \"epochs\": [{\"epochs\": 9}, {\"step\": 5, \"epochs\": 10}]", A)),
                Arguments.of("settings are out of range", document("4, \"settings\": {}", A)),
                Arguments.of(
                        "settings are out of range",
                        document("4, \"settings\": " + SETTINGS.replace("\"everySteps\": 25", "\"everySteps\": 0"), A)),
                Arguments.of(
                        "settings are out of range",
                        document("4, \"settings\": " + SETTINGS.replace("\"everySteps\": 25, ", ""), A)),
                Arguments.of(
                        "is wrong about rank 0", document("4", member("x".repeat(1 << 20), "u", "y".repeat(1 << 20)))));
    }

    @ParameterizedTest
    @MethodSource("nonsense")
    void refusesWhatCannotBeFollowed(String why, String document) {
        WorldDocument read = WorldDocument.read(document, "job", 3, 64);
        assertThat(read).isInstanceOf(WorldDocument.Unusable.class);
        String given = ((WorldDocument.Unusable) read).why();
        assertThat(given).contains(why).hasSizeLessThan(300).doesNotContain("\n");
    }

    static Stream<String> good() {
        return Stream.of(
                document("4", A, B),
                document("4"),
                document("1000003", A),
                document("4", A, B.replace("10.0.0.2:7000", "[fd00::1]:7000")),
                document("4", A, B.replace("10.0.0.2:7000", "fd00::1:7000")),
                document("4, \"later\": {\"list\": [1, {\"x\": null}]}", A, B.replace("}", ", \"zone\": [1]}")),
                document("4, \"hold\": true, \"lost\": [\"uid-c\", null]", A),
                document("4, \"epochs\": [{\"step\": 0, \"epochs\": 9}, {\"epochs\": 10, \"later\": 1}]", A),
                document("4, \"epochs\": null, \"settings\": null", A),
                document("4, \"settings\": " + SETTINGS, A),
                document("4, \"settings\": " + SETTINGS.replace("{", "{\"later\": [], "), A),
                document("4", A).replace(", \"why\": \"test\"", ""));
    }

    @ParameterizedTest
    @MethodSource("good")
    void acceptsWhatTheOperatorOrALaterOneWrites(String document) {
        assertThat(WorldDocument.read(document, "job", 3, 64)).isInstanceOf(WorldDocument.Usable.class);
        assertThat(WorldDocument.read(document, "", 0, 64)).isInstanceOf(WorldDocument.Usable.class);
    }

    @Test
    void readsWhatTheOperatorWrites() throws JsonProcessingException {
        World world = new World(
                4, "job", List.of(new World.Member("a", "uid-a", "10.0.0.1:7000")), "grown", true, List.of("uid-b"));
        assertThat(WorldDocument.read(JSON.writeValueAsString(world), "job", 3, 1))
                .isEqualTo(new WorldDocument.Usable(world));
        World changed = world.with(EpochSchedule.of(9).raisedTo(12), new LiveSettings(100, 25, 60, 3, 15));
        assertThat(WorldDocument.read(JSON.writeValueAsString(changed), "job", 3, 1))
                .isEqualTo(new WorldDocument.Usable(changed));
        assertThat(JSON.writeValueAsString(world))
                .as("a job whose settings never changed has the document of earlier versions")
                .doesNotContain("epochs", "settings");
        assertThat(WorldDocument.read(JSON.writeValueAsString(World.none("job")), "job", 0, 1))
                .isEqualTo(new WorldDocument.Usable(World.none("job")));
    }

    @Test
    void namesTheOtherJob() {
        assertThat(WorldDocument.read(document("4", A), "another", 3, 64)).isEqualTo(new WorldDocument.Foreign("job"));
        assertThat(WorldDocument.read(document("4", A).replace("\"job\": \"job\", ", ""), "another", 3, 64))
                .isEqualTo(new WorldDocument.Foreign(""));
    }

    /** Whatever a document contains, it is refused in words, or it is a world that can be formed and followed. */
    @Test
    void survivesRandomDocuments() {
        int usable = 0;
        for (int seed = 0; seed < DOCUMENTS; seed++) {
            String document = new RandomDocument(seed).text();
            WorldDocument read = WorldDocument.read(document, "job", 3, 64);
            if (read instanceof WorldDocument.Usable it) {
                usable++;
                assertThat(isFollowable(it.world()))
                        .as("seed %d: %s", seed, document)
                        .isTrue();
            } else if (read instanceof WorldDocument.Unusable it) {
                assertThat(it.why()).as("seed %d", seed).isNotBlank().hasSizeLessThan(300);
            }
        }
        assertThat(usable)
                .as("some documents must be good, or this test shows nothing")
                .isBetween(DOCUMENTS / 50, DOCUMENTS - 1);
    }

    private static boolean isFollowable(World world) {
        Set<String> uids = new HashSet<>();
        Set<String> pods = new HashSet<>();
        return world.generation() >= 0
                && world.generation() < Long.MAX_VALUE / 2
                && (world.generation() > 0 || world.members().isEmpty())
                && world.members().stream()
                        .allMatch(member -> uids.add(member.uid())
                                && pods.add(member.pod())
                                && !member.uid().isBlank()
                                && PeerAddress.parse(member.address()).isPresent());
    }

    /** A good document with some of its parts replaced, and some of its characters. */
    private static final class RandomDocument {
        private static final List<String> NUMBERS = List.of(
                "4",
                "4",
                "4",
                "0",
                "-1",
                "9223372036854775807",
                "9223372036854775808",
                "1e3",
                "4.0",
                "null",
                "true",
                "\"4\"",
                "999999999");
        private static final List<String> ADDRESSES = List.of(
                "10.0.0.1:7000",
                "10.0.0.2:7001",
                "host:1",
                "[fd00::1]:9",
                "::1",
                "a:99999",
                "",
                ":",
                "a:b",
                "\u0000:1",
                "10.0.0.1");
        private static final List<String> VALUES = List.of(
                "null", "[]", "{}", "\"\"", "1", "[null]", "[[[[]]]]", "{\"a\": [1, 2]}", "-0", "1e400", "false");
        private static final List<String> NAMES = List.of("a", "b", "c", "d", "", " ", "\\u0000");

        private final Random random;

        RandomDocument(long seed) {
            random = new Random(seed);
        }

        private String any(List<String> of) {
            return of.get(random.nextInt(of.size()));
        }

        private String rarely(List<String> of, String mostly) {
            return random.nextInt(6) == 0 ? any(of) : mostly;
        }

        private String member(int rank) {
            return random.nextInt(12) == 0
                    ? any(VALUES)
                    : WorldDocumentTest.member(
                            rarely(NAMES, "p" + rank), rarely(NAMES, "u" + rank), rarely(ADDRESSES, "10.0.0.1:7000"));
        }

        String text() {
            String[] members =
                    IntStream.range(0, random.nextInt(4)).mapToObj(this::member).toArray(String[]::new);
            StringBuilder text = new StringBuilder(document(rarely(NUMBERS, "4"), members));
            if (random.nextInt(4) == 0) {
                text.insert(1, "\"" + any(NAMES) + "\": " + any(VALUES) + ", ");
            }
            for (int edits = random.nextInt(3) == 0 ? 1 + random.nextInt(8) : 0; edits > 0; edits--) {
                int at = random.nextInt(text.length());
                switch (random.nextInt(4)) {
                    case 0 -> text.setCharAt(at, (char) random.nextInt(0x300));
                    case 1 -> text.deleteCharAt(at).append(' ');
                    case 2 -> text.insert(at, any(VALUES));
                    default -> text.insert(at, text.substring(at, Math.min(text.length(), at + random.nextInt(40))));
                }
            }
            return random.nextInt(20) == 0 ? text.substring(0, random.nextInt(text.length())) : text.toString();
        }
    }
}
