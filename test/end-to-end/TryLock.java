import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Takes the lock of a log directory as Kafka does, and keeps it; or says that it is held. */
public class TryLock {
  public static void main(String[] args) throws Exception {
    FileChannel channel =
        FileChannel.open(Path.of(args[0]), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    FileLock lock = channel.tryLock();
    System.out.println(lock == null ? "held" : "locked");
    Thread.sleep(60_000);
  }
}
