package io.swav.operator;

import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.util.thread.Scheduler;

/**
 * Ends a connection after a fixed time, whatever it does, and the earliest one when there are too many. Jetty's own limits
 * would not do: its idle timeout starts again with each byte of a header, and its limit of connections keeps newcomers
 * waiting, among them the probe.
 */
final class ConnectionLimits implements Connection.Listener {
    private final Scheduler scheduler;
    private final int most;
    private final Duration longest;
    /** All open connections, the earliest first, each with the task that will end it. */
    private final Map<Connection, Scheduler.Task> open = new LinkedHashMap<>();

    /**
     * @param most connections at the same time
     * @param longest a connection may last, its response included
     */
    ConnectionLimits(Scheduler scheduler, int most, Duration longest) {
        this.scheduler = scheduler;
        this.most = most;
        this.longest = longest;
    }

    @Override
    public void onOpened(Connection connection) {
        Connection surplus = null;
        synchronized (open) {
            open.put(connection, scheduler.schedule(() -> end(connection), longest.toMillis(), TimeUnit.MILLISECONDS));
            if (open.size() > most) {
                Iterator<Connection> earliest = open.keySet().iterator();
                surplus = earliest.next();
            }
        }
        if (surplus != null) {
            end(surplus);
        }
    }

    @Override
    public void onClosed(Connection connection) {
        Scheduler.Task task;
        synchronized (open) {
            task = open.remove(connection);
        }
        if (task != null) {
            task.cancel();
        }
    }

    private void end(Connection connection) {
        onClosed(connection);
        connection.getEndPoint().close();
    }
}
