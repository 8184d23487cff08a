package io.swav.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.swav.checkpoint.CheckpointException.Kind;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checkpoints in a folder, {@code step-N/} each. A checkpoint is written under a temporary name, every file and the
 * folder fsynced, its manifest last, and renamed: whatever dies when, a folder named {@code step-N} is whole.
 */
public final class Checkpoints {
    private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern STEP = Pattern.compile("step-(\\d+)");
    private static final String TEMPORARY = ".writing-";
    private static final String MODEL = "model.safetensors";
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final String STATE = "state.json";
    private static final String EXPORT = "export";
    private static final String BACKBONE = "backbone.safetensors";

    private final Path folder;
    private final String configDigest;
    private final int keep;

    private Checkpoints(Path folder, String configDigest, int keep) {
        this.folder = folder;
        this.configDigest = configDigest;
        this.keep = keep;
    }

    /**
     * Opens the folder, made if missing, and tries to write to it.
     *
     * @param keep newest checkpoints that stay
     * @throws CheckpointException when it cannot be written
     */
    public static Checkpoints open(Path folder, String configDigest, int keep) throws CheckpointException {
        try {
            Files.createDirectories(folder);
            Files.delete(Files.createTempFile(folder, TEMPORARY, ".probe"));
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite,
                    "cannot write checkpoints to " + folder + " (" + e
                            + "): check that spec.checkpoint.uri is a mounted" + " volume that this user may write to",
                    e);
        }
        return new Checkpoints(folder, configDigest, keep);
    }

    /**
     * The newest checkpoint that verifies; damaged ones are passed over with a warning.
     *
     * @throws CheckpointException when that one belongs to another configuration
     */
    public Optional<Checkpoint> newest() throws CheckpointException {
        for (long step : steps()) {
            Path at = at(step);
            Checkpoint checkpoint;
            try {
                Manifest.verify(at);
                checkpoint = new Checkpoint(
                        state(at), Safetensors.read(at.resolve(MODEL)), Safetensors.read(at.resolve(OPTIMIZER)));
            } catch (IOException e) {
                LOG.warn("passing over checkpoint {}: {}", at, e.toString());
                continue;
            }
            if (!checkpoint.state().configDigest().equals(configDigest)) {
                throw new CheckpointException(
                        Kind.OtherConfig,
                        "checkpoint " + at + " belongs to another configuration (digest "
                                + checkpoint.state().configDigest() + ", this job's is " + configDigest
                                + "): choose another spec.checkpoint.uri, or remove it to start anew");
            }
            return Optional.of(checkpoint);
        }
        return Optional.empty();
    }

    /** Whether this step was saved for this configuration, and is undamaged. */
    public boolean holds(long step) {
        Path at = at(step);
        try {
            Manifest.verify(at);
            return state(at).configDigest().equals(configDigest);
        } catch (IOException absentOrDamaged) {
            return false;
        }
    }

    /**
     * Commits a checkpoint and removes the oldest ones past {@code keep}.
     *
     * @throws CheckpointException when the folder cannot be written, or holds a checkpoint of a later generation: this
     *     writer was left behind by its world
     */
    public void save(Checkpoint checkpoint) throws CheckpointException {
        CheckpointState state = checkpoint.state();
        Path temporary = folder.resolve(TEMPORARY + state.generation() + "-step-" + state.step());
        try {
            fence(state.generation());
            delete(temporary);
            Files.createDirectories(temporary);
            Map<String, String> metadata =
                    Map.of("format", "pt", "step", Long.toString(state.step()), "config", configDigest);
            Safetensors.write(temporary.resolve(MODEL), checkpoint.model(), metadata);
            Safetensors.write(temporary.resolve(OPTIMIZER), checkpoint.optimizer(), metadata);
            write(
                    temporary.resolve(STATE),
                    JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(state));
            Manifest manifest = Manifest.of(temporary, List.of(MODEL, OPTIMIZER, STATE));
            write(temporary.resolve(Manifest.NAME), manifest.toJson());
            sync(temporary);
            fence(state.generation());
            delete(at(state.step()));
            Files.move(temporary, at(state.step()), StandardCopyOption.ATOMIC_MOVE);
            sync(folder);
            removeOld(state.generation());
        } catch (IOException e) {
            throw new CheckpointException(
                    Kind.CannotWrite, "cannot write checkpoint " + at(state.step()) + ": " + e, e);
        }
    }

    /** Leaves the backbone alone, by torchvision's names, in {@code export/backbone.safetensors}; returns that file. */
    public Path export(Checkpoint checkpoint) throws CheckpointException {
        Path target = folder.resolve(EXPORT).resolve(BACKBONE);
        Path temporary = folder.resolve(EXPORT).resolve(TEMPORARY + BACKBONE);
        Map<String, HostTensor> backbone = new LinkedHashMap<>(checkpoint.model());
        backbone.keySet().removeIf(name -> name.startsWith("projection_head.") || name.startsWith("prototypes."));
        try {
            Files.createDirectories(target.getParent());
            Safetensors.write(
                    temporary,
                    backbone,
                    Map.of(
                            "format",
                            "pt",
                            "step",
                            Long.toString(checkpoint.state().step())));
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            sync(folder.resolve(EXPORT));
            return target;
        } catch (IOException e) {
            throw new CheckpointException(Kind.CannotWrite, "cannot write " + target + ": " + e, e);
        }
    }

    private void fence(long generation) throws CheckpointException {
        for (long step : steps()) {
            try {
                long other = state(at(step)).generation();
                if (other > generation) {
                    throw new CheckpointException(
                            Kind.NewerWorld,
                            at(step) + " was written by generation " + other + ", this is generation " + generation);
                }
            } catch (IOException unreadable) {
                LOG.warn("{} has no readable {}: {}", at(step), STATE, unreadable.toString());
            }
        }
    }

    private void removeOld(long generation) throws IOException {
        for (long step : steps().stream().skip(keep).toList()) {
            delete(at(step));
        }
        try (Stream<Path> all = Files.list(folder)) {
            for (Path path : all.filter(file -> writtenBefore(file, generation)).toList()) {
                delete(path);
            }
        }
    }

    /** Left by a writer that died in an earlier generation. */
    private static boolean writtenBefore(Path file, long generation) {
        Matcher matcher = Pattern.compile(Pattern.quote(TEMPORARY) + "(\\d+)-step-\\d+")
                .matcher(file.getFileName().toString());
        return matcher.matches() && Long.parseLong(matcher.group(1)) < generation;
    }

    /** Steps of the checkpoints there are, newest first. */
    private List<Long> steps() {
        try (Stream<Path> all = Files.list(folder)) {
            return all.map(path -> STEP.matcher(path.getFileName().toString()))
                    .filter(Matcher::matches)
                    .map(matcher -> Long.parseLong(matcher.group(1)))
                    .sorted(Comparator.reverseOrder())
                    .toList();
        } catch (IOException e) {
            LOG.warn("cannot list {}: {}", folder, e.toString());
            return List.of();
        }
    }

    private Path at(long step) {
        return folder.resolve("step-" + step);
    }

    private static CheckpointState state(Path checkpoint) throws IOException {
        return JSON.readValue(Files.readAllBytes(checkpoint.resolve(STATE)), CheckpointState.class);
    }

    private static void write(Path file, byte[] bytes) throws IOException {
        Files.write(file, bytes);
        sync(file);
    }

    private static void sync(Path fileOrFolder) throws IOException {
        try (FileChannel channel = FileChannel.open(fileOrFolder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    private static void delete(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        try (Stream<Path> walk = Files.walk(tree)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(path);
            }
        }
    }
}
