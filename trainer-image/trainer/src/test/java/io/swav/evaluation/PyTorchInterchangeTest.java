package io.swav.evaluation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.swav.api.ExitCodes;
import io.swav.checkpoint.SafetensorsHeader;
import io.swav.trainer.ImportCommand;
import io.swav.trainer.Main;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/**
 * Tests with a real PyTorch that weights go in and come out bit-equal, and that the printed lines load them. Needs
 * Debian's packages python3-torch and python3-torchvision; without them these tests are skipped, and {@code
 * PyTorchFileTest} reads committed files.
 */
class PyTorchInterchangeTest {
    private static final Path PYTHON = Path.of("/usr/bin/python3");

    @TempDir
    private Path folder;

    private String said = "";

    /** The layout of the authors' published file: DistributedDataParallel's prefix, a head of 2048, 3000 prototypes. */
    @Test
    void thePublishedLayoutComesOutBitEqual() throws Exception {
        roundTrip(
                "backbone = torchvision.models.resnet50()",
                "2048",
                "3000",
                "{\"model\": {\"prototypes\": 3000}, \"data\": {\"uri\": \"file:///none\"}}",
                "resnet50.pth.tar",
                "out.pth",
                "_use_new_zipfile_serialization=False");
        assertThat(said).contains("torchvision.models.resnet50()").contains("timm.create_model(\"resnet50\"");
    }

    @ParameterizedTest
    @CsvSource({"tiny, 16, small, BasicBlock, '[1, 1, 1, 1]'", "resnet18, 16, imagenet, BasicBlock, '[2, 2, 2, 2]'"})
    void aNetworkThatTorchvisionLacksIsLoadedByThePrintedLines(
            String architecture, int width, String stem, String block, String blocks) throws Exception {
        String spec = """
                {"model": {"architecture": "%s", "stem": "%s", "prototypes": 8, "featureDim": 8, "hiddenDim": 16, "width": %s},
                 "data": {"uri": "file:///none"}, "crops": [{"count": 2, "size": 16, "minScale": 0.14, "maxScale": 1.0}]}
                """.formatted(architecture, stem, architecture.equals("tiny") ? null : width);
        List<String> lines = PythonLines.torchvision(
                new BackboneShape(
                        width,
                        stem.equals("small"),
                        block.equals("Bottleneck"),
                        Arrays.stream(blocks.replaceAll("[^\\d,]", "").split(","))
                                .map(Integer::valueOf)
                                .toList()),
                "",
                true);
        String made = lines.stream()
                .skip(1)
                .takeWhile(line -> !line.startsWith("model.fc"))
                .map(line -> line.replaceFirst("^model\\b", "backbone"))
                .collect(Collectors.joining("\n"));
        roundTrip(made, "16", "8", spec, "w.pth", "out.pth", "_use_new_zipfile_serialization=True");
        assertThat(said).doesNotContain("timm").contains("torch.onnx.export(model");
    }

    private void roundTrip(
            String backbone, String hidden, String prototypes, String spec, String in, String out, String form)
            throws Exception {
        assumeTrue(hasTorch(), "there is no python3-torch and python3-torchvision");
        int features = hidden.equals("2048") ? 128 : 8;
        python("""
                import torch, torchvision
                torch.manual_seed(1)
                %s
                width = backbone.fc.in_features if not hasattr(backbone, "inplanes") else backbone.inplanes
                backbone.fc = torch.nn.Identity()
                with torch.no_grad():
                    for tensor in backbone.state_dict().values():
                        if tensor.is_floating_point(): tensor.copy_(torch.randn_like(tensor).abs() + .5)
                backbone.projection_head = torch.nn.Sequential(
                    torch.nn.Linear(width, %s), torch.nn.BatchNorm1d(%s), torch.nn.ReLU(), torch.nn.Linear(%s, %d))
                backbone.prototypes = torch.nn.Linear(%d, %s, bias=False)
                state = {"module." + name: value for name, value in backbone.state_dict().items()}
                torch.save({"epoch": 400, "state_dict": state, "optimizer": {"state": {0: torch.zeros(3)}}},
                           "%s", %s)
                """.formatted(
                        backbone, hidden, hidden, hidden, features, features, prototypes, folder.resolve(in), form));
        Path job = Files.writeString(folder.resolve("job.json"), spec);
        assertThat(swav(new ImportCommand(), folder.resolve(in), "--config", job, "--out", folder.resolve("store")))
                .as(said)
                .isEqualTo(ExitCodes.OK);
        assertThat(said)
                .contains("(state_dict: module.)")
                .contains("left out: epoch, optimizer (1 tensor)")
                .doesNotContain("seeded values");
        Path model = folder.resolve("store/step-0/model.safetensors");
        assertThat(SafetensorsHeader.read(model).tensor("prototypes.weight")).isPresent();
        assertThat(swav(new ExportCommand(), folder.resolve("store"), "--out", folder.resolve(out)))
                .as(said)
                .isEqualTo(ExitCodes.OK);
        String load = said.lines()
                .filter(line -> line.startsWith("  ") && !line.contains("timm."))
                .map(line -> line.substring(2))
                .map(line ->
                        line.replace("backbone.onnx", folder.resolve("b.onnx").toString()))
                .collect(Collectors.joining("\n"));
        python(load + """

                before = torch.load("%s")["state_dict"]
                after = model.state_dict()
                assert len(after) > 20 and sum(name.startswith("module.layer") for name in before) > 20
                for name, value in after.items():
                    assert value.dtype == before["module." + name].dtype and torch.equal(value, before["module." + name]), name
                assert set(after) == set(n[7:] for n in before if "prototypes" not in n and "projection_head" not in n)
                """.formatted(folder.resolve(in)));
        assertThat(folder.resolve("b.onnx")).isNotEmptyFile();
    }

    private static boolean hasTorch() {
        return Stream.of("torch", "torchvision")
                .allMatch(module -> Files.isDirectory(Path.of("/usr/lib/python3/dist-packages", module)));
    }

    private void python(String program) throws IOException, InterruptedException {
        Path file = Files.writeString(folder.resolve("program.py"), program);
        Path output = folder.resolve("python.log");
        ProcessBuilder builder = new ProcessBuilder(PYTHON.toString(), "-W", "ignore", file.toString());
        builder.environment().put("OMP_NUM_THREADS", "1");
        Process process = builder.redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(output) + program).isZero();
    }

    private int swav(Object command, Object... arguments) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        PrintStream before = System.out;
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        try {
            return new CommandLine(command)
                    .setOut(new PrintWriter(out, true, StandardCharsets.UTF_8))
                    .setErr(new PrintWriter(out, true, StandardCharsets.UTF_8))
                    .setExecutionExceptionHandler(Main::explain)
                    .execute(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
        } finally {
            System.setOut(before);
            said = out.toString(StandardCharsets.UTF_8);
        }
    }
}
