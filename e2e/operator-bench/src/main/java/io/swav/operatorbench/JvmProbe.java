package io.swav.operatorbench;

import com.sun.tools.attach.AttachNotSupportedException;
import com.sun.tools.attach.VirtualMachine;
import io.swav.common.DaemonThreads;
import io.swav.local.LocalClusterException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.lang.management.ThreadInfo;
import java.lang.management.ThreadMXBean;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.management.MBeanServerConnection;
import javax.management.remote.JMXConnector;
import javax.management.remote.JMXConnectorFactory;
import javax.management.remote.JMXServiceURL;

/** Looks into the operator's JVM: its heap, and which locks its threads wait for, sampled. */
final class JvmProbe implements AutoCloseable {
    private static final long SAMPLE_MILLIS = 200;

    private final JMXConnector connector;
    private final MemoryMXBean memory;
    private final ThreadMXBean threads;
    private final ScheduledExecutorService sampler =
            Executors.newSingleThreadScheduledExecutor(DaemonThreads.named("jvm-probe"));
    /** Most threads that waited for a monitor of this class at the same time. */
    private final Map<String, Long> mostBlocked = new TreeMap<>();

    private JvmProbe(JMXConnector connector, MBeanServerConnection server) throws IOException {
        this.connector = connector;
        this.memory = ManagementFactory.newPlatformMXBeanProxy(
                server, ManagementFactory.MEMORY_MXBEAN_NAME, MemoryMXBean.class);
        this.threads = ManagementFactory.newPlatformMXBeanProxy(
                server, ManagementFactory.THREAD_MXBEAN_NAME, ThreadMXBean.class);
    }

    /** Attaches to a JVM of this user, and samples its threads until {@link #close}. */
    @SuppressWarnings("BanJNDI") // the address is that of a process that the bench has started
    static JvmProbe attach(long pid) {
        try {
            VirtualMachine machine = VirtualMachine.attach(Long.toString(pid));
            try {
                JMXConnector connector =
                        JMXConnectorFactory.connect(new JMXServiceURL(machine.startLocalManagementAgent()));
                JvmProbe probe = new JvmProbe(connector, connector.getMBeanServerConnection());
                probe.threads.setThreadContentionMonitoringEnabled(true);
                Future<?> unused =
                        probe.sampler.scheduleWithFixedDelay(probe::sample, 0, SAMPLE_MILLIS, TimeUnit.MILLISECONDS);
                return probe;
            } finally {
                machine.detach();
            }
        } catch (AttachNotSupportedException | IOException e) {
            throw new LocalClusterException("cannot look into the operator's JVM: " + e, e);
        }
    }

    private void sample() {
        Map<String, Long> now = Stream.of(threads.dumpAllThreads(false, false))
                .filter(thread -> thread.getThreadState() == Thread.State.BLOCKED)
                .collect(Collectors.groupingBy(
                        thread -> thread.getLockInfo().getClassName(), TreeMap::new, Collectors.counting()));
        synchronized (mostBlocked) {
            now.forEach((lock, blocked) -> mostBlocked.merge(lock, blocked, Math::max));
        }
    }

    /** Returns, by the lock's class, the most threads that a sample found waiting for a lock of it. */
    Map<String, Long> mostBlocked() {
        synchronized (mostBlocked) {
            return new TreeMap<>(mostBlocked);
        }
    }

    /** Returns the seconds that all threads that live have waited for monitors since this probe was attached. */
    double blockedSeconds() {
        return Stream.of(threads.dumpAllThreads(false, false))
                        .mapToLong(ThreadInfo::getBlockedTime)
                        .filter(millis -> millis > 0)
                        .sum()
                / 1e3;
    }

    /** Collects garbage, and returns the bytes that are still in use. */
    long liveHeapBytes() {
        memory.gc();
        return memory.getHeapMemoryUsage().getUsed();
    }

    @Override
    public void close() {
        sampler.shutdownNow();
        try {
            connector.close();
        } catch (IOException e) {
            // the operator has ended
        }
    }
}
