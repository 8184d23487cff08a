package io.swav.operator;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds the user whose process holds the other end of a TCP connection on this machine, as Linux lists it. */
final class SocketOwner {
    private static final Logger LOG = LoggerFactory.getLogger(SocketOwner.class);
    private static final List<Path> TABLES = List.of(Path.of("/proc/net/tcp"), Path.of("/proc/net/tcp6"));
    /** Columns of a table: number, local and remote address as hex, state, two of queues and timers, retransmits, uid. */
    private static final int LOCAL = 1;

    private static final int REMOTE = 2;
    private static final int UID = 7;
    private static final int WORD = 4;

    private SocketOwner() {}

    /** Returns the uid of this process. */
    static int self() throws IOException {
        return (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
    }

    /**
     * Returns the uid of the process that connected from {@code remote} to {@code local}; empty if it is not on this
     * machine, or if this cannot be found out.
     */
    static Optional<Integer> of(InetSocketAddress remote, InetSocketAddress local) {
        for (Path table : TABLES) {
            try {
                for (String line : Files.readAllLines(table)) {
                    String[] columns = line.strip().split("\\s+", -1);
                    if (columns.length > UID && is(columns[LOCAL], remote) && is(columns[REMOTE], local)) {
                        return Optional.of(Integer.valueOf(columns[UID]));
                    }
                }
            } catch (IOException e) { // a kernel without IPv6 has no second table
                LOG.debug("cannot read {}", table, e);
            }
        }
        return Optional.empty();
    }

    /** Whether {@code column}, ADDRESS:PORT in hex with the address as words in little-endian order, is this address. */
    private static boolean is(String column, InetSocketAddress address) throws UnknownHostException {
        int colon = column.indexOf(':');
        if (colon < 0 || Integer.parseInt(column, colon + 1, column.length(), 16) != address.getPort()) {
            return false;
        }
        byte[] listed = HexFormat.of().parseHex(column.substring(0, colon));
        byte[] bytes = new byte[listed.length];
        for (int i = 0; i < listed.length; i++) {
            bytes[i] = listed[i - i % WORD + WORD - 1 - i % WORD];
        }
        // an IPv4 address in the table of IPv6 becomes an Inet4Address
        return InetAddress.getByAddress(bytes).equals(address.getAddress());
    }
}
