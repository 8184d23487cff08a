package io.swav.api;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The address at which a trainer listens for its peers.
 *
 * @param host a name, or an IPv4 or IPv6 literal without brackets
 * @param port from 1 to 65535
 */
public record PeerAddress(String host, int port) {
    private static final int HIGHEST_PORT = 65_535;
    private static final Pattern PORT = Pattern.compile("[0-9]{1,5}");
    private static final Pattern DIGITS_AND_DOTS = Pattern.compile("[0-9.]+");
    private static final Pattern IPV4 =
            Pattern.compile("(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(\\.(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}");
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]([-_.A-Za-z0-9]{0,251}[A-Za-z0-9])?");
    private static final Pattern IPV6 = Pattern.compile("[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[-_.A-Za-z0-9]{1,32})?");

    /** Whether this is a port on which a peer can listen. */
    private static boolean isPort(String text) {
        return PORT.matcher(text).matches() && Integer.parseInt(text) >= 1 && Integer.parseInt(text) <= HIGHEST_PORT;
    }

    /**
     * Reads host:port, with or without brackets around an IPv6 literal: trainers of earlier versions wrote none. Never
     * resolves a name.
     *
     * @return empty if no peer can be called at this address
     */
    public static Optional<PeerAddress> parse(String text) {
        int colon = text.lastIndexOf(':');
        if (colon < 1 || !isPort(text.substring(colon + 1))) {
            return Optional.empty();
        }
        String host = text.substring(0, colon);
        boolean bracketed = host.startsWith("[") && host.endsWith("]");
        String bare = bracketed ? host.substring(1, host.length() - 1) : host;
        boolean valid = bare.indexOf(':') >= 0 ? isIpv6(bare) : !bracketed && isIpv4OrName(bare);
        return valid
                ? Optional.of(new PeerAddress(bare, Integer.parseInt(text.substring(colon + 1))))
                : Optional.empty();
    }

    private static boolean isIpv4OrName(String host) {
        return DIGITS_AND_DOTS.matcher(host).matches()
                ? IPV4.matcher(host).matches() && !host.equals("0.0.0.0")
                : NAME.matcher(host).matches();
    }

    private static boolean isIpv6(String host) {
        if (!IPV6.matcher(host).matches()) {
            return false;
        }
        try {
            // a text with a colon is a literal, so nothing is looked up; whether the zone exists here does not matter
            return !InetAddress.getByName(host.replaceFirst("%.*", "")).isAnyLocalAddress();
        } catch (UnknownHostException e) {
            return false;
        }
    }

    /** Returns host:port, with brackets around an IPv6 literal. */
    @Override
    public String toString() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}
