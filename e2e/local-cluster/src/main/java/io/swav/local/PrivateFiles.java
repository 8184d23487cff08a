package io.swav.local;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * Creates files and folders that only this user can read, from the moment they exist: 0600 in 0700, whatever the umask
 * is. A local cluster's folder holds its administrator's token, and with it every Secret.
 */
public final class PrivateFiles {
    private static final Set<PosixFilePermission> OWNER_FOLDER = PosixFilePermissions.fromString("rwx------");
    private static final FileAttribute<Set<PosixFilePermission>> FOLDER =
            PosixFilePermissions.asFileAttribute(OWNER_FOLDER);
    private static final FileAttribute<Set<PosixFilePermission>> FILE =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private PrivateFiles() {}

    /**
     * Creates the folder and its parents with mode 0700, or takes the rights of others away from one that exists; parents
     * that exist stay as they are.
     *
     * @throws LocalClusterException if it belongs to another user, or its file system does not keep permissions
     */
    public static Path folder(Path folder) throws IOException {
        Files.createDirectories(folder.toAbsolutePath().resolveSibling(""), FOLDER);
        try {
            Files.createDirectory(folder, FOLDER);
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(folder)) {
                throw e;
            }
            takeOver(folder);
        }
        return folder;
    }

    /**
     * As {@link #folder}, for a folder that a person chose: one that others can read and that contains what no cluster
     * wrote, such as a home or /tmp, stays as it is.
     *
     * @throws LocalClusterException in this case, too
     */
    static Path clusterFolder(Path folder) throws IOException {
        List<Path> content = PodFolder.children(folder);
        boolean isPrivate =
                !Files.exists(folder) || Files.getPosixFilePermissions(folder).equals(OWNER_FOLDER);
        if (!isPrivate && !content.isEmpty() && content.stream().noneMatch(PrivateFiles::isOfCluster)) {
            throw new LocalClusterException(folder + " contains other files, and other users can read it; a cluster's"
                    + " folder is for its user alone: choose an empty or a new folder");
        }
        return folder(folder);
    }

    private static boolean isOfCluster(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.equals("ports.json")
                || name.endsWith(".pid")
                || name.equals("etcd.log")
                || name.equals("operator.log");
    }

    private static void takeOver(Path folder) throws IOException {
        Object self = Files.getAttribute(Path.of("/proc/self"), "unix:uid");
        if (!Files.getAttribute(folder, "unix:uid").equals(self)) {
            throw new LocalClusterException(folder + " belongs to " + Files.getOwner(folder)
                    + ", who could read what is kept in it: choose another folder, or delete this one");
        }
        if (!Files.getPosixFilePermissions(folder).equals(OWNER_FOLDER)) {
            Files.setPosixFilePermissions(folder, OWNER_FOLDER);
        }
        if (!Files.getPosixFilePermissions(folder).equals(OWNER_FOLDER)) {
            throw new LocalClusterException(
                    "the file system of " + folder
                            + " does not keep permissions, so other users could read what is kept in it: choose a folder of another one");
        }
    }

    /** Writes a file of mode 0600, whole or not at all; replaces one that exists with other permissions. */
    public static void write(Path file, String text) throws IOException {
        write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    /** Writes a file of mode 0600, whole or not at all; replaces one that exists with other permissions. */
    static void write(Path file, byte[] content) throws IOException {
        Path unfinished = Files.createTempFile(file.toAbsolutePath().resolveSibling(""), ".swav", ".new", FILE);
        try {
            Files.write(unfinished, content);
            Files.move(unfinished, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(unfinished);
        }
    }

    /** Creates an empty file of mode 0600, for a process that will write to it; keeps one that exists. */
    static Path create(Path file) throws IOException {
        try {
            return Files.createFile(file, FILE);
        } catch (FileAlreadyExistsException e) {
            return file;
        }
    }

    /** Takes the rights of all other users away from a tree that an earlier version left; follows no links. */
    static void takeOverTree(Path root) throws IOException {
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) throws IOException {
                return visitFile(folder, attributes);
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                if (attributes.isRegularFile() || attributes.isDirectory()) {
                    Set<PosixFilePermission> kept =
                            EnumSet.copyOf(Files.getPosixFilePermissions(file, LinkOption.NOFOLLOW_LINKS));
                    if (kept.retainAll(OWNER_FOLDER)) {
                        Files.setPosixFilePermissions(file, kept);
                    }
                }
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
