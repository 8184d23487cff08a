package io.swav.torch;

import org.bytedeco.javacpp.Loader;

/**
 * Loads JavaCPP's bindings, one native library each, in the place of JavaCPP's own loader. That one searches the whole class
 * path for some 180 names, half a second of processor time at each start, and loads an OpenBLAS that DJL's libtorch contains
 * already.
 */
public final class Bindings {
    private Bindings() {}

    /** Turns JavaCPP's loader off; to be called before the first class of JavaCPP is used. */
    static void withoutJavaCppsLoader() {
        System.setProperty("org.bytedeco.javacpp.loadLibraries", "false");
    }

    /**
     * Loads the binding of one library; what it binds to must be loaded already. Idempotent.
     *
     * @param project the part of JavaCPP's presets that it comes with, such as {@code pytorch}
     * @param name the library's name in its file {@code libjniNAME.so}
     * @throws UnsatisfiedLinkError if the library that it binds to is missing or of another version
     */
    public static void load(String project, String name) {
        NativeLibraries.load(Loader.class, "/org/bytedeco/" + project + "/linux-x86_64/", "jni" + name);
    }
}
