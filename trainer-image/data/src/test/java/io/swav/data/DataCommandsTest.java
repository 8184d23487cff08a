package io.swav.data;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.api.ExitCodes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import picocli.CommandLine;

@Isolated("captures standard output")
class DataCommandsTest {
    @TempDir
    private Path folder;

    private record Ran(int code, String out) {}

    private static Ran run(String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        try {
            int code = new CommandLine(new DataCommand())
                    .setExecutionExceptionHandler((e, line, parsed) -> {
                        System.out.println(e.getMessage());
                        return e instanceof DataException data ? data.exitCode() : ExitCodes.SOFTWARE;
                    })
                    .execute(arguments);
            return new Ran(code, out.toString(StandardCharsets.UTF_8));
        } finally {
            System.setOut(before);
        }
    }

    private Path images() throws IOException {
        Path data = folder.resolve("data");
        for (String name : new String[] {"cat/a.jpg", "dog/b.jpg", "dog/c.jpg"}) {
            Files.createDirectories(data.resolve(name).getParent());
            Files.write(data.resolve(name), DataSetTest.image(name.length()));
        }
        Files.write(data.resolve("cat/._a.jpg"), new byte[1]);
        Files.writeString(data.resolve("readme.md"), "x");
        return data;
    }

    @Test
    void statTellsWhatIsThereAndWhatIsNotUsed() throws IOException {
        Path json = folder.resolve("stat.json");
        Ran stat = run("stat", images().toString(), "--json", json.toString());
        assertThat(stat.code).isZero();
        assertThat(stat.out)
                .contains(
                        "images           3",
                        "labelled         3",
                        "classes          2 (cat, dog)",
                        "ignored          2")
                .contains("1 ._* of macOS (first cat/._a.jpg)", "1 unknown type (first readme.md)");
        JsonNode all = new ObjectMapper().readTree(json.toFile());
        assertThat(all.at("/inventory/images").asInt()).isEqualTo(3);
        assertThat(all.at("/classNames").toString()).isEqualTo("[\"cat\",\"dog\"]");
        assertThat(all.at("/fingerprint").asText()).matches("[0-9a-f]{16}");
        assertThat(all.at("/inventory/ignored").size()).isEqualTo(2);
    }

    @Test
    void verifyNamesWhatCannotBeDecoded() throws IOException {
        Path data = images();
        assertThat(run("verify", data.toString()).code).isZero();

        byte[] image = Files.readAllBytes(data.resolve("dog/b.jpg"));
        Files.write(data.resolve("dog/b.jpg"), Arrays.copyOf(image, image.length / 2));
        Files.createSymbolicLink(data.resolve("cat/gone.jpg"), folder.resolve("nowhere"));
        Files.createDirectory(data.resolve("dog/hollow.jpg"));
        Path json = folder.resolve("verify.json");
        Ran verify = run("verify", data.toString(), "--threads", "3", "--json", json.toString());
        assertThat(verify.code).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(verify.out)
                .contains("bad: " + data + "/cat/gone.jpg: it is a link to nothing")
                .contains("bad: " + data + "/dog/b.jpg: ")
                .contains("bad: " + data + "/dog/hollow.jpg: it is a link to nothing, or an empty folder")
                .contains("5 images, 2 can be decoded, 3 cannot")
                .contains("data.maxBadSamples");
        JsonNode all = new ObjectMapper().readTree(json.toFile());
        assertThat(all.at("/bad").findValuesAsText("name"))
                .containsExactly("cat/gone.jpg", "dog/b.jpg", "dog/hollow.jpg");
    }

    @Test
    void indexKeepsTheIndexBesideTheData() throws IOException {
        Path data = images();
        Ran index = run("index", data.toString());
        assertThat(index.code).isZero();
        assertThat(index.out)
                .contains("3 images in 3 files (class folders), 2 classes; ignored: ")
                .contains("index kept in " + data.resolve(".swav"));
        assertThat(data.resolve(".swav")).isDirectoryContaining("glob:**.swavidx");
        assertThat(run("stat", data.toString()).code).isZero();
    }

    @Test
    void refusalsHaveTheirExitCode() throws IOException {
        assertThat(run("stat", folder + "/none").code).isEqualTo(ExitCodes.NO_INPUT);
        Path data = images();
        Files.createDirectories(data.resolve("x"));
        Files.move(data.resolve("cat"), data.resolve("train"));
        Files.move(data.resolve("dog"), data.resolve("val"));
        Ran mixed = run("index", data.toString());
        assertThat(mixed.code).isEqualTo(ExitCodes.BAD_DATA);
        assertThat(mixed.out).contains("write " + data + "/train to train");
    }

    @Test
    void showsImagesUprightIfTheJobDoes() throws IOException {
        Path images = Path.of("src/test/resources/images");
        Path turned = Files.createDirectory(folder.resolve("turned"));
        Files.copy(images.resolve("orientation6.png"), turned.resolve("a.png"));
        Path upright = Files.createDirectory(folder.resolve("upright"));
        Files.copy(images.resolve("orientation6.png.upright.ppm"), upright.resolve("a.ppm"));
        byte[] wanted = sheet(upright);
        assertThat(sheet(turned, "--exif-orientation=Apply")).isEqualTo(wanted);
        assertThat(sheet(turned)).isNotEqualTo(wanted);
    }

    private byte[] sheet(Path data, String... options) throws IOException {
        Path out = folder.resolve("sheet.png");
        List<String> arguments = new ArrayList<>(List.of("show", data.toString(), "--out", out.toString()));
        arguments.addAll(List.of(options));
        assertThat(run(arguments.toArray(String[]::new)).code).isZero();
        return Files.readAllBytes(out);
    }

    @Test
    void chosenExtensionsArePassedOn() throws IOException {
        DataSetTest.shards(folder, 2, 2);
        assertThat(run("stat", folder.toString(), "--image-extension", "png").out)
                .contains("there are no images");
        assertThat(run("stat", folder.toString(), "--image-extension", "jpg", "--label-extension", "json").out)
                .contains("labelled         0");
    }
}
