package io.swav.numerics;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The processor as seen by the libraries that choose kernels for it.
 *
 * @param vendor such as AuthenticAMD
 * @param flags its features, by Linux's names
 * @param statesCaches whether Linux could read the sizes of its caches; hypervisors may hide them
 */
record Processor(String vendor, String name, String family, String model, Set<String> flags, boolean statesCaches) {
    /**
     * Reads the processor.
     *
     * @param root of the file system in which proc and sys are read; missing entries are empty
     */
    static Processor read(Path root) {
        Map<String, String> first = new HashMap<>();
        for (String line : lines(root.resolve("proc/cpuinfo"))) {
            String[] parts = line.split(":", 2);
            if (parts.length == 2) {
                first.putIfAbsent(parts[0].strip(), parts[1].strip());
            }
        }
        return new Processor(
                first.getOrDefault("vendor_id", "unknown"),
                first.getOrDefault("model name", "unknown processor"),
                first.getOrDefault("cpu family", "?"),
                first.getOrDefault("model", "?"),
                Set.of(first.getOrDefault("flags", "").split(" ")),
                Files.isReadable(root.resolve("sys/devices/system/cpu/cpu0/cache/index0/size")));
    }

    private static List<String> lines(Path file) {
        try {
            return Files.readAllLines(file);
        } catch (IOException e) {
            return List.of();
        }
    }

    /**
     * Whether a kernel may kill the process instead of computing. oneDNN asks AMD processors for their caches without
     * checking whether they answer, and divides by the answer; processors without AVX2 have not been tested at all.
     */
    boolean mayKill() {
        return hidesCaches() || !flags.contains("avx2");
    }

    /**
     * Whether the caches are hidden from oneDNN. Linux reads the caches of an older AMD processor from another source
     * if {@code topoext} is missing.
     */
    boolean hidesCaches() {
        return !statesCaches || (vendor.equals("AuthenticAMD") && !flags.contains("topoext"));
    }

    /** "AMD EPYC (AuthenticAMD, family 25, model 17, AVX-512), which does not state its caches". */
    @Override
    public String toString() {
        String widest = flags.contains("avx512f") ? "AVX-512" : flags.contains("avx2") ? "AVX2" : "no AVX2";
        return name + " (" + vendor + ", family " + family + ", model " + model + ", " + widest + ")"
                + (hidesCaches() ? ", which does not state its caches" : "");
    }
}
