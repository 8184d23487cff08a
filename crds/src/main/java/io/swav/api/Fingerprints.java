package io.swav.api;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Holds what decides the bits of a training, as one trainer has it. Trainers make a step together only if their
 * fingerprints agree. Digests are 16 hexadecimal digits; an empty one is of a trainer that did not compute it.
 *
 * @param config digest of {@link TrainingSettings}
 * @param samples in the data set
 * @param data digest of the data set's index, the names and sizes of its images
 * @param wire version of the protocol between trainers
 * @param build the trainer's version and the digest of its classes
 * @param bitwise whether the training promises bits; otherwise {@code numerics} and {@code firstStep} need not agree
 * @param numerics digest of the bits of fixed computations with this machine's kernels
 * @param firstStep digest of the gradients that this machine computes from the first images and the initial weights
 * @param settings what {@code config} is the digest of; empty where it is left out to save space
 */
@JsonIgnoreProperties(ignoreUnknown = true)
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record Fingerprints(
        String config,
        long samples,
        String data,
        int wire,
        String build,
        boolean bitwise,
        String numerics,
        String firstStep,
        SortedMap<String, String> settings) {
    /** The number of settings that a description names. */
    private static final int NAMED = 5;

    /** The fingerprints of a trainer that has reported none. */
    public static final Fingerprints NONE = new Fingerprints("", 0, "", 0, "", false, "", "", new TreeMap<>());

    public Fingerprints(
            @Nullable String config,
            long samples,
            @Nullable String data,
            int wire,
            @Nullable String build,
            boolean bitwise,
            @Nullable String numerics,
            @Nullable String firstStep,
            @Nullable SortedMap<String, String> settings) {
        this.config = config == null ? "" : config;
        this.samples = samples;
        this.data = data == null ? "" : data;
        this.wire = wire;
        this.build = build == null ? "" : build;
        this.bitwise = bitwise;
        this.numerics = numerics == null ? "" : numerics;
        this.firstStep = firstStep == null ? "" : firstStep;
        this.settings = settings == null ? new TreeMap<>() : new TreeMap<>(settings);
    }

    /** Returns the first 16 hexadecimal digits of SHA-256. */
    public static String digest(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, Long.BYTES);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Returns the same fingerprints with these settings, or without any. */
    public Fingerprints withSettings(SortedMap<String, String> other) {
        return new Fingerprints(config, samples, data, wire, build, bitwise, numerics, firstStep, other);
    }

    /** Returns what must be equal for two trainers to make a step together, as one number. */
    public long key() {
        return number(String.join(
                "\n",
                config,
                Long.toString(samples),
                data,
                Integer.toString(wire),
                build,
                bitwise ? numerics + "\n" + firstStep : ""));
    }

    private static long number(String text) {
        return Long.parseUnsignedLong(digest(text.getBytes(StandardCharsets.UTF_8)), 16);
    }

    /** Returns what must be equal for two replicas of one state to stay equal bit for bit, as one number. */
    public long numericsKey() {
        return number(numerics + "\n" + firstStep);
    }

    public boolean agreesWith(Fingerprints other) {
        return key() == other.key();
    }

    /**
     * Describes how a trainer with these fingerprints differs from its job, one phrase for each difference: "sees 64
     * images, the job 40". Empty if it agrees.
     *
     * @param job fingerprints of the trainers that hold the job's state
     */
    public List<String> differences(Fingerprints job) {
        List<String> all = new ArrayList<>();
        if (!config.equals(job.config)) {
            all.add(configuration(job));
        }
        if (samples != job.samples) {
            all.add("sees " + samples + " images, the job " + job.samples);
        } else if (!data.equals(job.data)) {
            all.add("sees other images than the job: also " + samples + ", but with other names or sizes (index digest "
                    + data + ", the job's " + shown(job.data) + ")");
        }
        if (wire != job.wire) {
            all.add("speaks version " + wire + " of the trainers' protocol, the job version " + job.wire);
        }
        if (!build.equals(job.build)) {
            all.add("runs build " + shown(build) + ", the job build " + shown(job.build));
        }
        if (bitwise && job.bitwise && !numerics.equals(job.numerics)) {
            all.add("computes other bits (numerics fingerprint " + shown(numerics) + ", the job's "
                    + shown(job.numerics) + "): mode Bitwise needs one kind of processor");
        } else if (all.isEmpty() && bitwise && !firstStep.equals(job.firstStep)) {
            all.add("computes other gradients from the first images (fingerprint " + shown(firstStep) + ", the job's "
                    + shown(job.firstStep) + "): images of equal names and sizes have other contents, or the processor"
                    + " differs");
        }
        return all;
    }

    private String configuration(Fingerprints job) {
        List<String> changed = changedSettings(job.settings);
        return changed.isEmpty()
                ? "has another configuration (digest " + shown(config) + ", the job's " + shown(job.config) + ")"
                : "has another configuration: " + String.join(", ", changed);
    }

    /**
     * Returns the settings that differ, "training.seed 4 instead of 3", the first few by name.
     *
     * @param before the settings of the job, or of its past
     */
    public List<String> changedSettings(SortedMap<String, String> before) {
        if (settings.isEmpty() || before.isEmpty()) {
            return List.of();
        }
        TreeSet<String> paths = new TreeSet<>(settings.keySet());
        paths.addAll(before.keySet());
        List<String> changed = paths.stream()
                .filter(path -> !value(settings, path).equals(value(before, path)))
                .map(path -> path + " " + value(settings, path) + " instead of " + value(before, path))
                .toList();
        if (changed.size() <= NAMED) {
            return changed;
        }
        List<String> first = new ArrayList<>(changed.subList(0, NAMED));
        first.add((changed.size() - NAMED) + " more settings");
        return first;
    }

    private static String value(SortedMap<String, String> settings, String path) {
        return settings.getOrDefault(path, "unset");
    }

    private static String shown(String digest) {
        return digest.isEmpty() ? "unknown" : digest;
    }
}
