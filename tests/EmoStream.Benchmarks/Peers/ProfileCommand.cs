using System.CommandLine;
using System.Globalization;
using Microsoft.Diagnostics.Tracing.Etlx;
using Microsoft.Diagnostics.Tracing.EventPipe;

namespace EmoStream.Benchmarks.Peers;

/// <summary>
/// Where a process's managed CPU time went: reads the samples that the runtime's EventPipe wrote. Each sample counts for the
/// method on top, and for the part of the program that asked for it, which is the first frame that is not the class library's.
/// </summary>
/// <remarks>
/// Only threads that ran managed code are counted: native code and the garbage collector are not in it, nor what waits. A wait
/// is known by its method, because the runtime takes a thread that waits inside its own code for a running one.
/// </remarks>
internal static class ProfileCommand
{
    private static readonly string[] ClassLibrary = ["System", "Microsoft.Extensions", "Microsoft.Win32"];
    private static readonly string[] Waits = ["PollGC", "Wait", "SpinOnce", "TryEnter", "Enter_Slowpath", "consumer_poll", "WorkerThreadStart", "queue_poll"];

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A .nettrace file, as `peers --profile` leaves one." };
        var top = new Option<int>("--top") { Description = "Methods to list.", DefaultValueFactory = _ => 40 };
        var command = new Command("profile", "Where the CPU time of a traced process went.") { file, top };
        command.SetAction(parsed => Report(parsed.GetValue(file)!, parsed.GetValue(top)));
        return command;
    }

    private static void Report(string file, int top)
    {
        var (samples, parts, leaves, inclusive) = (0, new Counts(), new Counts(), new Counts());
        var log = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            using var trace = new TraceLog(TraceLog.CreateFromEventPipeDataFile(file, log));
            using var source = trace.Events.GetSource();
            new SampleProfilerTraceEventParser(source).ThreadSample += sample =>
            {
                if (sample.Type != ClrThreadSampleType.Managed || sample.CallStack() is not { } stack) return;
                if (Array.Exists(Waits, w => stack.CodeAddress.FullMethodName.Contains(w, StringComparison.Ordinal))) return;
                samples++;
                leaves.Add(Method(stack));
                var (part, met) = ((string?)null, new HashSet<string>());
                for (var frame = stack; frame is not null; frame = frame.Caller)
                {
                    var module = frame.CodeAddress.ModuleName;
                    part ??= module.Length == 0 || Array.Exists(ClassLibrary, l => module.StartsWith(l, StringComparison.OrdinalIgnoreCase)) ? null : module;
                    if (met.Add(Method(frame))) inclusive.Add(Method(frame));
                }

                parts.Add(part ?? "class library alone");
            };
            source.Process();
        }
        finally
        {
            File.Delete(log);
        }

        Write("part of the program", parts, samples, top);
        Write("method, itself", leaves, samples, top);
        Write("method, with what it calls", inclusive, samples, top);
    }

    private static string Method(TraceCallStack frame) => $"{frame.CodeAddress.ModuleName}!{frame.CodeAddress.FullMethodName}";

    private static void Write(string title, Counts counts, int samples, int top)
    {
        Console.WriteLine($"\n    %  {title}");
        foreach (var (name, count) in counts.OrderByDescending(c => c.Value).Take(top))
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{100.0 * count / samples,5:F1}  {name}"));
        }
    }

    private sealed class Counts : Dictionary<string, int>
    {
        public void Add(string name) => this[name] = this.GetValueOrDefault(name) + 1;
    }
}
