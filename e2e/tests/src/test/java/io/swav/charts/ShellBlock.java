package io.swav.charts;

import java.util.ArrayList;
import java.util.List;

/**
 * A block of shell commands on a page.
 *
 * @param mark text of the comment on the line before it, empty without one
 * @param line number of the line with the opening fence, from 1
 */
public record ShellBlock(String mark, int line, List<String> commands) {
    /** All blocks of a page that are fenced as {@code sh}; a backslash at the end of a line joins it with the next. */
    public static List<ShellBlock> of(String page) {
        List<String> lines = page.lines().map(String::strip).toList();
        List<ShellBlock> blocks = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            if (!lines.get(i).equals("```sh")) {
                continue;
            }
            String before = i == 0 ? "" : lines.get(i - 1);
            String mark = before.startsWith("<!--") && before.endsWith("-->")
                    ? before.substring("<!--".length(), before.length() - "-->".length())
                            .strip()
                    : "";
            int opening = i + 1;
            List<String> commands = new ArrayList<>();
            StringBuilder command = new StringBuilder();
            for (i++; !lines.get(i).equals("```"); i++) {
                command.append(lines.get(i).replaceAll("\\\\$", ""));
                if (!lines.get(i).endsWith("\\")) {
                    commands.add(command.toString());
                    command.setLength(0);
                }
            }
            blocks.add(new ShellBlock(mark, opening, List.copyOf(commands)));
        }
        return blocks;
    }
}
