package io.swav.evaluation;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** The lines of Python that load an exported backbone, as {@code swav export} prints them. */
final class PythonLines {
    private static final String INDENT = "    ";

    private PythonLines() {}

    /**
     * Returns lines that define {@code model}, torchvision's network with these weights; it maps images to pooled features.
     *
     * @param file as Python is to open it
     * @param isPyTorch whether it is a file for {@code torch.load}, else safetensors
     */
    static List<String> torchvision(BackboneShape shape, String file, boolean isPyTorch) {
        List<String> lines = new ArrayList<>();
        lines.add("import torch, torchvision");
        String name = shape.torchvision().orElse("");
        if (name.isEmpty()) {
            String block = shape.bottleneck() ? "Bottleneck" : "BasicBlock";
            lines.add("from torchvision.models.resnet import " + block + ", ResNet");
            lines.add("class Scaled(ResNet):");
            lines.add(INDENT + "def _make_layer(self, block, planes, *more, **options):");
            lines.add(INDENT + INDENT + "self.inplanes = " + shape.width() + " if planes == 64 else self.inplanes");
            lines.add(INDENT + INDENT + "return super()._make_layer(block, planes * " + shape.width()
                    + " // 64, *more, **options)");
            lines.add("model = Scaled(" + block + ", " + shape.blocks() + ")");
            lines.add("model.bn1 = torch.nn.BatchNorm2d(" + shape.width() + ")");
        } else {
            lines.add("model = torchvision.models." + name + "()");
        }
        if (shape.smallStem()) {
            lines.add("model.conv1 = torch.nn.Conv2d(3, " + shape.width() + ", 3, padding=1, bias=False)");
            lines.add("model.maxpool = torch.nn.Identity()");
        } else if (name.isEmpty()) {
            lines.add("model.conv1 = torch.nn.Conv2d(3, " + shape.width() + ", 7, 2, 3, bias=False)");
        }
        lines.add("model.fc = torch.nn.Identity()");
        String quoted = quoted(file);
        lines.add(
                isPyTorch
                        ? "weights = torch.load(" + quoted + ", weights_only=True)[\"state_dict\"]"
                        : "from safetensors.torch import load_file; weights = load_file(" + quoted + ")");
        lines.add("model.load_state_dict(weights)");
        lines.add("model.eval()");
        return lines;
    }

    /** Returns the line for timm; empty if it has no network of these shapes. */
    static Optional<String> timm(BackboneShape shape, String file) {
        return shape.torchvision()
                .filter(name -> !shape.smallStem())
                .map(name -> "model = timm.create_model(" + quoted(name) + ", num_classes=0, checkpoint_path="
                        + quoted(file) + ")");
    }

    /** Returns the line that writes {@code model} as ONNX; PyTorch has the only kept exporter. */
    static String onnx(int side) {
        return String.format(
                Locale.ROOT,
                "torch.onnx.export(model, torch.zeros(1, 3, %d, %d), \"backbone.onnx\", input_names=[\"images\"],"
                        + " output_names=[\"features\"], dynamic_axes={\"images\": {0: \"batch\"}, \"features\": {0:"
                        + " \"batch\"}})",
                side,
                side);
    }

    private static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
