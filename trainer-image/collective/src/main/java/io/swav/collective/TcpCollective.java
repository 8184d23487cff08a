package io.swav.collective;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import io.swav.collective.PeerChannels.Message;
import io.swav.torch.HostView;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Collectives over a full mesh of sockets; arrays on a device are copied through host memory. A small array is sent
 * directly from every rank to every other, and each rank reduces all of them in rank order (one hop). Of a large array,
 * every rank receives its chunk from all, reduces it, and sends the result to all. That moves as many bytes as a ring,
 * 2(W−1)/W of the array, in two hops instead of 2(W−1), and one slice at a time so that scratch memory stays small.
 * {@link TcpMesh} creates these collectives, with a second socket to every peer for {@link #duplicate} and a third, the
 * {@link Lifeline}, that shows hang-ups.
 */
public final class TcpCollective implements Collective {
    /** Up to this product of bytes and peers, one hop of the whole array is faster than two hops of chunks. */
    private static final int DIRECT_BYTES = 256 << 10;
    /** Largest size of one rank's chunk in a slice: the larger it is, the less often ranks wait for each other. */
    private static final int CHUNK_BYTES = 2 << 20;
    /** Largest total of the chunks that arrive from all other ranks; no limit in practice at 4 ranks. */
    private static final int ARRIVING_BYTES = 8 << 20;

    /** Number of sockets to every peer: two that carry messages, and the lifeline. */
    static final int LINES = 3;

    private final List<PeerChannels> lines;
    private final Lifeline lifeline;
    private final PeerChannels channels;
    /** The whole world's rank of every rank of this collective. */
    private final int[] ranks;

    private final int rank;
    private final boolean owner;

    private TcpCollective(List<PeerChannels> lines, Lifeline lifeline, int line, int[] ranks, int rank, boolean owner) {
        this.lines = lines;
        this.lifeline = lifeline;
        this.channels = lines.get(line);
        this.ranks = ranks;
        this.rank = rank;
        this.owner = owner;
    }

    /** @param peers for each line, connections by rank, null at {@code rank}; owned from here on */
    static TcpCollective over(@Nullable SecuredChannel[][] peers, int rank, long generation) throws IOException {
        Lifeline lifeline = new Lifeline(Arrays.stream(peers[LINES - 1])
                .map(peer -> peer == null ? null : peer.socket())
                .toArray(SocketChannel[]::new));
        List<PeerChannels> lines = new ArrayList<>();
        for (@Nullable SecuredChannel[] line : Arrays.asList(peers).subList(0, LINES - 1)) {
            lines.add(new PeerChannels(generation, line, lifeline));
        }
        return new TcpCollective(
                List.copyOf(lines),
                lifeline,
                0,
                IntStream.range(0, peers[0].length).toArray(),
                rank,
                true);
    }

    @Override
    public int rank() {
        return rank;
    }

    @Override
    public int size() {
        return ranks.length;
    }

    @Override
    public String name() {
        return "TCP";
    }

    @Override
    public void allReduceSum(NDArray inOut) {
        reduce(ReduceOp.SUM, inOut);
    }

    /** The values from other ranks are rounded and added in float32, and the sum is rounded once more. */
    @Override
    public void allReduceRoundedSum(NDArray inOut) {
        Bf16AllReduce.run(this, inOut);
    }

    @Override
    public void allReduceMin(NDArray inOut) {
        reduce(ReduceOp.MIN, inOut);
    }

    private void reduce(ReduceOp reduction, NDArray inOut) {
        if (size() == 1) {
            return;
        }
        DataType type = inOut.getDataType();
        HostView host = HostView.of(inOut);
        reduce(reduction, host.bytes(), type);
        host.store();
    }

    private void reduce(ReduceOp reduction, ByteBuffer bytes, DataType type) {
        if ((long) bytes.capacity() * (size() - 1) <= DIRECT_BYTES) {
            reduceDirectly(reduction, bytes, type);
            return;
        }
        reduceInChunks(reduction, bytes, type);
    }

    private void reduceDirectly(ReduceOp reduction, ByteBuffer bytes, DataType type) {
        int length = bytes.capacity();
        ByteBuffer all = channels.scratch(length * size());
        gather(bytes, all);
        ByteBuffer total = slice(all, 0, length);
        for (int peer = 1; peer < size(); peer++) {
            reduction.apply(total, slice(all, peer * length, length), type);
        }
        bytes.duplicate().put(total);
    }

    /** Sends the totals of one slice with the chunks of the next, so that ranks wait for each other once per slice. */
    private void reduceInChunks(ReduceOp reduction, ByteBuffer bytes, DataType type) {
        List<Integer> others = others();
        int width = type.getNumOfBytes();
        int chunk = Math.min(CHUNK_BYTES, ARRIVING_BYTES / others.size());
        int slice = chunk / width * width * size();
        ByteBuffer finished = slice(bytes, 0, 0);
        for (int at = 0; at < bytes.capacity() || finished.capacity() > 0; at += finished.capacity()) {
            ByteBuffer next = slice(bytes, at, Math.min(slice, bytes.capacity() - at));
            ByteBuffer mine = part(next, rank, size(), width);
            ByteBuffer arriving = channels.scratch(mine.capacity() * others.size());
            List<Message> sends = new ArrayList<>();
            List<Message> receives = new ArrayList<>();
            for (int nth = 0; nth < others.size(); nth++) {
                int peer = others.get(nth);
                sends.add(new Message(ranks[peer], part(finished, rank, size(), width)));
                receives.add(new Message(ranks[peer], part(finished, peer, size(), width)));
                sends.add(new Message(ranks[peer], part(next, peer, size(), width)));
                receives.add(new Message(ranks[peer], block(arriving, nth, mine.capacity())));
            }
            channels.exchange(sends, receives);
            for (int nth = 0; nth < others.size() && mine.capacity() > 0; nth++) {
                reduction.apply(mine, block(arriving, nth, mine.capacity()), type);
            }
            finished = next;
        }
    }

    private static ByteBuffer block(ByteBuffer blocks, int nth, int length) {
        return slice(blocks, nth * length, length);
    }

    private List<Integer> others() {
        return IntStream.range(0, size()).filter(peer -> peer != rank).boxed().toList();
    }

    private static ByteBuffer part(ByteBuffer bytes, int index, int parts, int elementBytes) {
        long elements = bytes.capacity() / elementBytes;
        int from = (int) (elements * index / parts) * elementBytes;
        int to = (int) (elements * (index + 1) / parts) * elementBytes;
        return slice(bytes, from, to - from);
    }

    private static ByteBuffer slice(ByteBuffer bytes, int at, int length) {
        return bytes.slice(at, length).order(bytes.order());
    }

    /** Sends a small array from the root to all; sends a large one in parts, which the receivers forward to each other. */
    @Override
    public void broadcast(NDArray inOut, int root) {
        RankChecks.check(root, size());
        if (rank == root) {
            broadcast(HostView.of(inOut).bytes(), inOut.getDataType().getNumOfBytes(), root);
        } else {
            HostView host = HostView.toFill(inOut);
            broadcast(host.bytes(), inOut.getDataType().getNumOfBytes(), root);
            host.store();
        }
    }

    private void broadcast(ByteBuffer bytes, int elementBytes, int root) {
        List<Integer> receivers =
                IntStream.range(0, size()).filter(peer -> peer != root).boxed().toList();
        if ((long) bytes.capacity() * receivers.size() <= DIRECT_BYTES || receivers.size() == 1) {
            if (rank == root) {
                channels.exchange(messages(receivers, peer -> bytes.duplicate()), List.of());
            } else {
                channels.exchange(List.of(), List.of(new Message(ranks[root], bytes.duplicate())));
            }
            return;
        }
        if (rank == root) {
            channels.exchange(
                    messages(receivers, peer -> part(bytes, receivers.indexOf(peer), receivers.size(), elementBytes)),
                    List.of());
            return;
        }
        ByteBuffer mine = part(bytes, receivers.indexOf(rank), receivers.size(), elementBytes);
        channels.exchange(List.of(), List.of(new Message(ranks[root], mine.duplicate())));
        List<Integer> others = receivers.stream().filter(peer -> peer != rank).toList();
        channels.exchange(
                messages(others, peer -> mine.duplicate()),
                messages(others, peer -> part(bytes, receivers.indexOf(peer), receivers.size(), elementBytes)));
    }

    /** @throws IllegalArgumentException if {@code all} does not have the size and type of every rank's {@code mine} */
    public static void checkGather(NDArray mine, NDArray all, int size) {
        if (all.size() != mine.size() * size || all.getDataType() != mine.getDataType()) {
            throw new IllegalArgumentException("cannot gather " + mine.getShape() + " " + mine.getDataType() + " of "
                    + size + " ranks into " + all.getShape() + " " + all.getDataType());
        }
    }

    @Override
    public void allGather(NDArray mine, NDArray all) {
        checkGather(mine, all, size());
        HostView host = HostView.toFill(all);
        gather(HostView.of(mine).bytes(), host.bytes());
        host.store();
    }

    private void gather(ByteBuffer mine, ByteBuffer all) {
        int length = mine.capacity();
        slice(all, rank * length, length).put(mine.duplicate());
        List<Integer> others = others();
        channels.exchange(
                messages(others, peer -> mine.duplicate()),
                messages(others, peer -> slice(all, peer * length, length)));
    }

    @Override
    public void exchange(List<Transfer> sends, List<Transfer> receives) {
        List<HostView> arriving = receives.stream()
                .map(transfer -> HostView.toFill(transfer.array(), transfer.from(), transfer.count()))
                .toList();
        List<HostView> leaving = sends.stream()
                .map(transfer -> HostView.of(transfer.array(), transfer.from(), transfer.count()))
                .toList();
        channels.exchange(transfers(sends, leaving), transfers(receives, arriving));
        arriving.forEach(HostView::store);
    }

    private List<Message> transfers(List<Transfer> transfers, List<HostView> bodies) {
        List<Message> messages = new ArrayList<>(transfers.size());
        for (int i = 0; i < transfers.size(); i++) {
            int peer = transfers.get(i).peer();
            RankChecks.check(peer, size());
            messages.add(new Message(ranks[peer], bodies.get(i).bytes()));
        }
        return messages;
    }

    private List<Message> messages(List<Integer> peers, IntFunction<ByteBuffer> body) {
        return peers.stream()
                .map(peer -> new Message(ranks[peer], body.apply(peer)))
                .toList();
    }

    @Override
    public TcpCollective subgroup(int[] members) {
        RankChecks.subgroup(members, rank, size());
        int[] inWorld = Arrays.stream(members).map(member -> ranks[member]).toArray();
        return new TcpCollective(
                lines, lifeline, lines.indexOf(channels), inWorld, Arrays.binarySearch(members, rank), false);
    }

    @Override
    public TcpCollective duplicate() {
        if (channels != lines.get(0)) {
            throw new IllegalStateException("a duplicate cannot be duplicated");
        }
        return new TcpCollective(lines, lifeline, 1, ranks, rank, false);
    }

    /**
     * Checks without blocking that every peer is still connected; for threads that wait for peers by other means, such
     * as NCCL.
     *
     * @throws CollectiveException if a peer is lost, or this collective was aborted
     */
    public void checkPeers() {
        channels.checkPeers();
    }

    /** Bytes of message bodies that this rank has sent, over all its sockets. */
    long sentBytes() {
        return lines.stream().mapToLong(PeerChannels::sentBytes).sum();
    }

    @Override
    public void abort() {
        lines.forEach(line -> line.breakOff("aborted"));
        lifeline.close();
    }

    /** Closes the sockets. On a subgroup or a duplicate it does nothing: the sockets belong to the whole world. */
    @Override
    public void close() {
        if (owner) {
            if (lines.stream().allMatch(PeerChannels::isOpen)) {
                lifeline.leave();
            }
            lines.forEach(PeerChannels::close);
            lifeline.close();
        }
    }
}
