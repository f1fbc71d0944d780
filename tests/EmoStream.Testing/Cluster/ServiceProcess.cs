using EmoStream.Testing.Processes;

namespace EmoStream.Testing.Cluster;

/// <summary>The real silo or gateway in a process of its own, ready when its <c>/health</c> says so.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private static readonly HttpClient Http = new() { Timeout = TimeSpan.FromSeconds(2) };

    private readonly ChildProcess _process;
    private readonly string _project;

    private ServiceProcess(ChildProcess process, string project, Uri address)
    {
        _process = process;
        _project = project;
        Address = address;
    }

    /// <summary>Where its HTTP endpoints are.</summary>
    public Uri Address { get; }

    /// <summary>The system's process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts a program and waits until it is healthy.</summary>
    /// <param name="command">An assembly, and what it is called with.</param>
    /// <param name="environment">Added to this process's own.</param>
    /// <param name="logDirectory">Where its output goes.</param>
    internal static async Task<ServiceProcess> StartAsync(
        string[] command, IReadOnlyDictionary<string, string?> environment, string logDirectory)
    {
        var address = new Uri($"http://127.0.0.1:{FreePorts.Take()}");
        var project = Path.GetFileNameWithoutExtension(command[0]);
        var process = await ChildProcess.StartAsync(
            Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? Programs.Find("dotnet") ?? "dotnet",
            command,
            Path.Combine(logDirectory, $"{project}-{address.Port}.log"),
            new Dictionary<string, string?>(environment) { ["ASPNETCORE_URLS"] = address.ToString() },
            workingDirectory: Path.GetDirectoryName(command[0]));
        var service = new ServiceProcess(process, project, address);
        try
        {
            await service.ReadyAsync();
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>kill -9, and waits until the process is gone.</summary>
    public Task KillAsync() => _process.KillAsync();

    /// <summary>SIGTERM, and waits for the orderly end.</summary>
    public Task<int> StopAsync()
    {
        _process.Terminate();
        return EndedAsync();
    }

    /// <summary>Waits until it has ended by itself; returns the exit status.</summary>
    public async Task<int> EndedAsync()
    {
        try
        {
            return await _process.WaitForExitAsync();
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Still there. {Tail()}");
        }
    }

    /// <summary>SIGSTOP: the others must take it for dead while it still thinks it lives.</summary>
    public void Freeze() => _process.Freeze();

    /// <summary>Ends <see cref="Freeze"/>.</summary>
    public void Thaw() => _process.Thaw();

    /// <summary>The end of its log, for failure messages.</summary>
    public string Tail() => $"{_project} (process {_process.Id}, {(_process.HasExited ? "ended" : "running")}):\n{_process.Tail()}";

    /// <summary>All that it has logged so far.</summary>
    public string ReadLog() => File.ReadAllText(_process.LogFile);

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private Task ReadyAsync() => Eventually.TrueAsync(
        async cancel =>
        {
            if (_process.HasExited)
            {
                throw new InvalidOperationException($"Ended at start. {Tail()}");
            }

            try
            {
                using var response = await Http.GetAsync(new Uri(Address, "health"), cancel);
                return response.IsSuccessStatusCode;
            }
            catch (Exception exception) when (exception is HttpRequestException || (exception is TaskCanceledException && !cancel.IsCancellationRequested))
            {
                return false;
            }
        },
        () => $"healthy. {Tail()}");
}
