package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import io.swav.checkpoint.HostTensor;
import io.swav.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * A residual network in a file that another project wrote, with torchvision's names: projects put a prefix before them.
 *
 * @param origin where in the file the network is, for messages; empty if nothing stands before its names
 * @param tensors the backbone's, and those with the names of SwAV's projection head and prototypes
 * @param leftOut what else the file holds, for messages
 */
public record ForeignWeights(String origin, Map<String, HostTensor> tensors, List<String> leftOut) {
    private static final String DATA_PARALLEL = "module.";
    private static final String FIRST = "conv1.weight";
    private static final String BLOCK = "layer1.0.conv1.weight";
    private static final Pattern BACKBONE = Pattern.compile("(conv1|bn1|layer\\d+)\\..+");
    private static final Pattern HEAD = Pattern.compile("(projection_head|prototypes)\\..+");
    /** A second network that follows the first one, as in MoCo, BYOL and DINO. */
    private static final Pattern FOLLOWER = Pattern.compile("(^|.*[._])(encoder_k|momentum|target|ema)([._].*|$)");

    /**
     * Reads a safetensors file or one of {@code torch.save}.
     *
     * @param key where in the latter the weights are; empty to look for them
     * @param prefix what stands before the backbone's names; empty to look for it
     * @throws IOException if the file cannot be read, or has no residual network
     */
    public static ForeignWeights read(Path file, Optional<String> key, Optional<String> prefix) throws IOException {
        if (PyTorchFile.matches(file)) {
            PyTorchFile read = PyTorchFile.read(file, key);
            ForeignWeights found = of(read.tensors(), prefix);
            List<String> leftOut = new ArrayList<>(found.leftOut());
            leftOut.addAll(read.leftOut());
            String origin = read.at().isEmpty() ? found.origin() : read.at() + ": " + found.origin();
            return new ForeignWeights(origin, found.tensors(), leftOut);
        }
        if (key.isPresent()) {
            throw new PyTorchFileException(
                    "it is no file of torch.save, so that it has no dictionaries: leave out --key");
        }
        return of(Safetensors.read(file), prefix);
    }

    /**
     * Finds the network among tensors.
     *
     * @param given what stands before the backbone's names; empty to look for it
     * @throws PyTorchFileException if there is no residual network, or several have equal claims
     */
    static ForeignWeights of(Map<String, HostTensor> tensors, Optional<String> given) throws PyTorchFileException {
        String prefix = given.isPresent() ? given(tensors, given.get()) : prefix(tensors);
        Map<String, HostTensor> taken = new LinkedHashMap<>();
        Map<String, Integer> others = new TreeMap<>();
        tensors.forEach((name, tensor) -> {
            String rest = without(prefix, name);
            String bare = without(DATA_PARALLEL, name);
            if (name.startsWith(prefix)
                    && (BACKBONE.matcher(rest).matches() || HEAD.matcher(rest).matches())) {
                taken.put(rest, tensor);
            } else if (HEAD.matcher(bare).matches()) {
                taken.putIfAbsent(bare, tensor);
            } else {
                String shown = name.startsWith(prefix) ? prefix + first(rest) : first(name);
                others.merge(shown, 1, Integer::sum);
            }
        });
        List<String> leftOut = new ArrayList<>();
        others.forEach(
                (name, count) -> leftOut.add(Shown.of(name) + " (" + count + (count == 1 ? " tensor)" : " tensors)")));
        return new ForeignWeights(prefix, taken, leftOut);
    }

    private static String given(Map<String, HostTensor> tensors, String prefix) throws PyTorchFileException {
        String dotted = prefix.isEmpty() || prefix.endsWith(".") ? prefix : prefix + ".";
        if (!tensors.containsKey(dotted + FIRST)) {
            throw new PyTorchFileException("it has no tensor " + Shown.of(dotted + FIRST) + noNetwork(tensors));
        }
        return dotted;
    }

    private static String prefix(Map<String, HostTensor> tensors) throws PyTorchFileException {
        List<String> prefixes = tensors.keySet().stream()
                .filter(name -> name.equals(BLOCK) || name.endsWith("." + BLOCK))
                .map(name -> name.substring(0, name.length() - BLOCK.length()))
                .filter(prefix -> tensors.containsKey(prefix + FIRST))
                .toList();
        if (prefixes.isEmpty()) {
            throw new PyTorchFileException("it has no residual network with torchvision's names (" + FIRST + ", "
                    + BLOCK + ")" + noNetwork(tensors));
        }
        List<String> leading = prefixes.stream()
                .filter(prefix -> !FOLLOWER.matcher(prefix).matches())
                .toList();
        List<String> chosen = leading.isEmpty() ? prefixes : leading;
        if (chosen.size() > 1) {
            throw new PyTorchFileException("it holds " + chosen.size() + " networks, " + shown(chosen)
                    + ": name one with --prefix, for example --prefix " + Shown.of(chosen.get(0)));
        }
        return chosen.get(0);
    }

    private static String noNetwork(Map<String, HostTensor> tensors) {
        return "; its names are " + shown(tensors.keySet().stream().limit(5).toList())
                + (tensors.size() > 5 ? " and " + (tensors.size() - 5) + " more" : "");
    }

    private static List<String> shown(List<String> names) {
        return names.stream().limit(5).map(Shown::of).toList();
    }

    private static String without(String prefix, String name) {
        return name.startsWith(prefix) ? name.substring(prefix.length()) : name;
    }

    /** Returns the first part of a name: enough to say what was left out. */
    private static String first(String name) {
        int dot = name.indexOf('.');
        return dot < 0 ? name : name.substring(0, dot);
    }
}
