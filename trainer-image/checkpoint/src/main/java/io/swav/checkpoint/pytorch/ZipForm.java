package io.swav.checkpoint.pytorch;

import io.swav.api.Shown;
import io.swav.checkpoint.pytorch.PickleGlobals.StorageRef;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;

/**
 * The form of {@code torch.save} since PyTorch 1.6: a zip archive with one folder, in it {@code data.pkl}, {@code data/KEY}
 * for each storage, and {@code byteorder} since 2.1. Nothing is compressed, so that no entry is larger than the file.
 */
final class ZipForm implements StorageBytes {
    private static final int CHUNK = 1 << 20;
    private static final String PICKLE = "data.pkl";

    private final ZipFile zip;
    private final String folder;
    private final Set<String> verified = new HashSet<>();

    private ZipForm(ZipFile zip, String folder) {
        this.zip = zip;
        this.folder = folder;
    }

    static ZipForm open(Path file) throws IOException {
        ZipFile zip;
        try {
            zip = new ZipFile(file.toFile());
        } catch (ZipException | IllegalArgumentException e) {
            throw new PyTorchFileException("it begins like a zip archive and is none: it is damaged or truncated");
        }
        try {
            Optional<String> pickle = zip.stream()
                    .map(ZipEntry::getName)
                    .filter(name -> name.endsWith("/" + PICKLE))
                    .findFirst();
            if (pickle.isEmpty()) {
                throw new PyTorchFileException(
                        "it is a zip archive without " + PICKLE + ", so torch.save did not write it");
            }
            String name = pickle.get();
            ZipForm form = new ZipForm(zip, name.substring(0, name.length() - PICKLE.length()));
            form.requireStateDict();
            return form;
        } catch (IOException | RuntimeException e) {
            zip.close();
            throw e;
        }
    }

    private void requireStateDict() throws IOException {
        if (zip.getEntry(folder + "constants.pkl") != null) {
            throw new PyTorchFileException("it is a TorchScript archive, whose code would be needed, instead of a state"
                    + " dict: save model.state_dict()");
        }
        ZipEntry order = zip.getEntry(folder + "byteorder");
        if (order != null) {
            try (InputStream in = zip.getInputStream(order)) {
                String text = new String(in.readNBytes(16), StandardCharsets.US_ASCII);
                if (!text.equals("little")) {
                    throw new PyTorchFileException(
                            "its numbers are " + Shown.of(text) + " endian, only little endian ones are read");
                }
            }
        }
    }

    /** Reads the pickle. */
    Object object(PickleGlobals globals) throws IOException {
        ZipEntry entry = entry(PICKLE);
        verify(entry);
        try (InputStream in = new BufferedInputStream(zip.getInputStream(entry))) {
            return new PickleReader(new PickleInput(in), globals).read();
        }
    }

    @Override
    public void read(StorageRef storage, long from, ByteBuffer into) throws IOException {
        ZipEntry entry = entry("data/" + storage.key());
        long stated = storage.elements() * storage.type().width();
        if (entry.getSize() != stated) {
            throw new PyTorchFileException(Shown.of(entry.getName()) + " has " + entry.getSize() + " bytes, "
                    + storage.elements() + " elements of " + storage.type() + " have " + stated);
        }
        verify(entry);
        try (InputStream in = zip.getInputStream(entry)) {
            in.skipNBytes(from);
            ReadableByteChannel channel = Channels.newChannel(in);
            while (into.hasRemaining()) {
                if (channel.read(into) < 0) {
                    throw new PyTorchFileException(Shown.of(entry.getName()) + " is truncated");
                }
            }
        } catch (ZipException | EOFException e) {
            throw damaged(entry);
        }
    }

    private ZipEntry entry(String name) throws PyTorchFileException {
        ZipEntry entry = zip.getEntry(folder + name);
        if (entry == null) {
            throw new PyTorchFileException("it has no " + Shown.of(folder + name));
        }
        if (entry.getMethod() != ZipEntry.STORED) {
            throw new PyTorchFileException(Shown.of(entry.getName())
                    + " is compressed, which torch.save never does: load it with PyTorch and save it again");
        }
        return entry;
    }

    /** Compares an entry with its checksum, once. */
    private void verify(ZipEntry entry) throws IOException {
        if (!verified.add(entry.getName())) {
            return;
        }
        CRC32 sum = new CRC32();
        try (InputStream in = zip.getInputStream(entry)) {
            byte[] chunk = new byte[CHUNK];
            for (int count = in.read(chunk); count >= 0; count = in.read(chunk)) {
                sum.update(chunk, 0, count);
            }
        } catch (ZipException | EOFException e) {
            throw damaged(entry);
        }
        if (sum.getValue() != entry.getCrc()) {
            throw damaged(entry);
        }
    }

    private static PyTorchFileException damaged(ZipEntry entry) {
        return new PyTorchFileException(Shown.of(entry.getName()) + " is not what its checksum says: it is damaged");
    }

    @Override
    public void close() throws IOException {
        zip.close();
    }
}
