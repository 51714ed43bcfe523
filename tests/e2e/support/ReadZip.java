// Prints what java.util.zip finds in an archive, one line for each entry: its name in hexadecimal, the SHA-256 of its
// content. Arguments: "file" (ZipFile, by the central directory) or "stream" (ZipInputStream, front to back); the charset
// of names without the UTF-8 flag; the archive.

import java.io.BufferedInputStream;
import java.io.File;
import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipInputStream;

public class ReadZip {
    public static void main(String[] arguments) throws Exception {
        Charset charset = Charset.forName(arguments[1]);
        File archive = new File(arguments[2]);
        if (arguments[0].equals("file")) {
            try (ZipFile file = new ZipFile(archive, charset)) {
                for (var entries = file.entries(); entries.hasMoreElements();) {
                    ZipEntry entry = entries.nextElement();
                    try (InputStream content = file.getInputStream(entry)) {
                        print(entry, content);
                    }
                }
            }
        } else {
            try (var stream = new ZipInputStream(new BufferedInputStream(new FileInputStream(archive)), charset)) {
                for (ZipEntry entry; (entry = stream.getNextEntry()) != null;) print(entry, stream);
            }
        }
    }

    private static void print(ZipEntry entry, InputStream content) throws Exception {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        byte[] buffer = new byte[1 << 16];
        for (int count; (count = content.read(buffer)) > 0;) digest.update(buffer, 0, count);
        HexFormat hex = HexFormat.of();
        // UTF-8 whatever it was: the caller knows how to undo that.
        System.out.println(hex.formatHex(entry.getName().getBytes(StandardCharsets.UTF_8)) + " "
            + hex.formatHex(digest.digest()));
    }
}
