package io.swav.collective.nccl;

import io.swav.collective.Collective;
import io.swav.collective.CollectiveException;
import io.swav.collective.TcpCollective;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates the collective of each world from the sockets between its members: NCCL if every member has the same version
 * of it, otherwise the sockets themselves. The communicator of the previous world is kept until then: if members have
 * only left, and none in the middle of an operation, the others shrink it, which needs no new rendezvous.
 */
public final class CollectiveFactory implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(CollectiveFactory.class);
    private static final long NONE = 0;
    private static final long LAST_CLOSE_MILLIS = 5000;

    /**
     * A communicator whose world has ended.
     *
     * @param id number that its ranks share and no other communicator has
     * @param members uids by rank
     */
    private record Held(long id, List<String> members, Communicator communicator) {
        /**
         * Returns the ranks that {@code next} does not have. Empty unless {@code next} is this world without some of its
         * members and the communicator is intact.
         */
        int[] leftBy(List<String> next) {
            List<String> staying = members.stream().filter(next::contains).toList();
            return staying.equals(next) && communicator.healthy()
                    ? IntStream.range(0, members.size())
                            .filter(rank -> !next.contains(members.get(rank)))
                            .toArray()
                    : new int[0];
        }
    }

    private final Optional<NcclLibrary.Versions> nccl;
    private final Set<Thread> closing = ConcurrentHashMap.newKeySet();
    private Optional<Held> held = Optional.empty();

    /** @param nccl versions of NCCL and CUDA that were loaded; empty for sockets alone */
    public CollectiveFactory(Optional<NcclLibrary.Versions> nccl) {
        this.nccl = nccl;
    }

    /**
     * Creates the collective of a world and takes ownership of the sockets; all members call this.
     *
     * @param members uids by rank
     * @param cancelled polled; true ends the attempt
     * @throws CollectiveException if it could not be created on every member; the sockets are then closed
     */
    public Collective over(Collective sockets, List<String> members, BooleanSupplier cancelled) {
        Optional<Held> before = held;
        held = Optional.empty();
        boolean formed = false;
        try {
            Collective collective =
                    sockets instanceof TcpCollective tcp ? agreed(tcp, members, before, cancelled) : sockets;
            formed = true;
            return collective;
        } finally {
            before.ifPresent(old -> dispose(old.communicator()));
            if (!formed) {
                sockets.close();
            }
        }
    }

    private Collective agreed(
            TcpCollective sockets, List<String> members, Optional<Held> before, BooleanSupplier cancelled) {
        long version = nccl.map(NcclLibrary.Versions::nccl).orElse(0);
        int[] gone = before.map(old -> old.leftBy(members)).orElse(new int[0]);
        long shrinkable =
                gone.length == 0 || nccl.filter(NcclLibrary.Versions::shrinks).isEmpty()
                        ? NONE
                        : before.map(Held::id).orElse(NONE);
        long[][] all = BootstrapExchange.gather(
                sockets, version, shrinkable, ThreadLocalRandom.current().nextLong(1, Long.MAX_VALUE));
        if (!same(all, 0, version)) {
            warn(members, all);
            return sockets;
        }
        if (version == 0) {
            return sockets;
        }
        long id = all[0][2];
        Communicator.ConnectTimeout timeout =
                new Communicator.ConnectTimeout(NcclCollective.CONNECT_TIMEOUT.deadline(), cancelled);
        if (shrinkable != NONE && same(all, 1, shrinkable)) {
            Communicator parent = before.orElseThrow().communicator();
            LOG.info("shrinking the communicator: {} of {} ranks remain", members.size(), members.size() + gone.length);
            return NcclCollective.made(sockets, communicator -> keep(new Held(id, members, communicator)), () -> {
                try {
                    return parent.shrink(gone, timeout, sockets::checkPeers);
                } finally {
                    parent.abort(); // closing it would wait for the ranks that have left
                }
            });
        }
        return NcclCollective.over(sockets, timeout, communicator -> keep(new Held(id, members, communicator)));
    }

    private static boolean same(long[][] all, int column, long value) {
        return Arrays.stream(all).allMatch(row -> row[column] == value);
    }

    private static void warn(List<String> members, long[][] all) {
        List<String> each = new ArrayList<>();
        for (int rank = 0; rank < all.length; rank++) {
            int version = (int) all[rank][0];
            each.add(members.get(rank) + (version == 0 ? ": none" : ": NCCL " + NcclLibrary.Versions.dotted(version)));
        }
        LOG.warn("this world uses TCP, because its members do not all have the same NCCL version: {}", each);
    }

    private void keep(Held last) {
        last.communicator().unwatched();
        held = Optional.of(last);
    }

    /** Closes a communicator in the background, so that training does not wait for it. */
    private void dispose(Communicator communicator) {
        Thread thread = new Thread(
                () -> {
                    communicator.close();
                    closing.remove(Thread.currentThread());
                },
                "nccl-dispose");
        thread.setDaemon(true);
        closing.add(thread);
        thread.start();
    }

    /** Closes the kept communicator, and waits for all that are being closed, but at most 5 s. */
    @Override
    public void close() {
        held.ifPresent(old -> dispose(old.communicator()));
        held = Optional.empty();
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LAST_CLOSE_MILLIS);
        for (Thread thread : closing) {
            try {
                thread.join(Math.max(1, TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime())));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
