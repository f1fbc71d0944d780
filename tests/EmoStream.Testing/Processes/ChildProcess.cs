using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit;

namespace EmoStream.Testing.Processes;

/// <summary>
/// A server that a test starts and may kill. Its output goes to a file, whose tail belongs into failure messages, and
/// it never outlives the test process: the kernel kills it with us (setpriv), else our exit handler does.
/// </summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int SigInt = 2;
    private const int SigTerm = 15;
    private const int SigStop = 19;
    private const int SigCont = 18;
    private const int TailLines = 40;

    private static readonly string? SetPriv = Programs.Find("setpriv");

    // A shell starts what it puts into the background with SIGINT ignored, and children inherit that.
    private static readonly string[] Interruptible = OperatingSystem.IsLinux() && IgnoresInterrupt() && Programs.Find("env") is { } env ? [env, "--default-signal=INT"] : [];
    private static readonly ConcurrentDictionary<int, Process> Running = new();
    private static readonly BlockingCollection<Action> Launches = StartLauncher();

    private readonly Process _process;

    private ChildProcess(Process process, string logFile)
    {
        _process = process;
        LogFile = logFile;
    }

    /// <summary>Why no child can be started here; null where it can.</summary>
    public static string? Unavailable { get; } = OperatingSystem.IsWindows() ? "needs a POSIX shell and signals" : null;

    /// <summary>Everything the process wrote to standard output and standard error.</summary>
    public string LogFile { get; }

    /// <summary>The system's process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts a program; its output is appended to <paramref name="logFile"/>.</summary>
    public static async Task<ChildProcess> StartAsync(
        string program, IEnumerable<string> arguments, string logFile, IReadOnlyDictionary<string, string?>? environment = null, string? workingDirectory = null)
    {
        // Whoever reads the log may be faster than the shell that opens it.
        await File.AppendAllTextAsync(logFile, "");

        // The shell only redirects: exec makes the program the process whose id we hold, so that kill hits it.
        string[] shell = ["/bin/sh", "-c", "exec \"$@\" >>\"$0\" 2>&1 </dev/null", logFile, program, .. arguments];
        string[] command = [.. SetPriv is null ? (string[])[] : [SetPriv, "--pdeathsig", "KILL"], .. Interruptible, .. shell];
        var start = new ProcessStartInfo(command[0], command[1..]) { WorkingDirectory = workingDirectory ?? Path.GetDirectoryName(logFile)! };
        foreach (var (name, value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }

        var started = new TaskCompletionSource<ChildProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
        Launches.Add(() =>
        {
            try
            {
                var process = Process.Start(start)!;
                Running[process.Id] = process;
                started.SetResult(new ChildProcess(process, logFile));
            }
            catch (Exception exception)
            {
                started.SetException(exception);
            }
        });
        return await started.Task;
    }

    /// <summary>kill -9, and waits until the process is gone.</summary>
    public Task KillAsync()
    {
        _process.Kill();
        return WaitForExitAsync();
    }

    /// <summary>SIGTERM: asks it to shut down; wait with <see cref="WaitForExitAsync"/>.</summary>
    public void Terminate() => Signal(SigTerm);

    /// <summary>SIGINT: Ctrl+C.</summary>
    public void Interrupt() => Signal(SigInt);

    /// <summary>SIGSTOP: alive for the system, dead for its peers.</summary>
    public void Freeze() => Signal(SigStop);

    /// <summary>SIGCONT: ends <see cref="Freeze"/>.</summary>
    public void Thaw() => Signal(SigCont);

    /// <summary>Waits for the end, at most the given time (the default is <see cref="Eventually.Timeout"/>), and returns the exit status.</summary>
    public async Task<int> WaitForExitAsync(TimeSpan? timeout = null)
    {
        var cancellationToken = TestContext.Current.CancellationToken;
        await _process.WaitForExitAsync(cancellationToken).WaitAsync(timeout ?? Eventually.Timeout, TimeProvider.System, cancellationToken);
        Running.TryRemove(_process.Id, out _);
        return _process.ExitCode;
    }

    /// <summary>The last lines of the log, for failure messages.</summary>
    public string Tail() => string.Join('\n', File.ReadLines(LogFile).TakeLast(TailLines));

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            await KillAsync();
        }

        Running.TryRemove(_process.Id, out _);
        _process.Dispose();
    }

    private static bool IgnoresInterrupt() => File.ReadLines("/proc/self/status")
        .Where(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))
        .Any(line => (Convert.ToUInt64(line["SigIgn:".Length..].Trim(), 16) & (1UL << (SigInt - 1))) != 0);

    private void Signal(int signal)
    {
        if (!_process.HasExited && Kill(_process.Id, signal) != 0)
        {
            throw new InvalidOperationException($"kill -{signal} failed with errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>
    /// The kernel ties the parent-death signal to the thread that forked, and pool threads end when they are idle:
    /// all children are started by one thread that lives as long as the process.
    /// </summary>
    private static BlockingCollection<Action> StartLauncher()
    {
        var launches = new BlockingCollection<Action>();
        new Thread(() =>
        {
            foreach (var launch in launches.GetConsumingEnumerable())
            {
                launch();
            }
        })
        { IsBackground = true, Name = "child process launcher" }.Start();

        AppDomain.CurrentDomain.ProcessExit += (_, _) =>
        {
            foreach (var process in Running.Values.Where(process => !process.HasExited))
            {
                process.Kill();
            }
        };
        return launches;
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int processId, int signal);
}
