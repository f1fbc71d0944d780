using System.Diagnostics;
using EmoStream.Cli;
using EmoStream.Cli.Input;
using EmoStream.Testing;

namespace EmoStream.Tests.Cli;

public sealed class OutputFilesTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Write_TwoAtOnce_EachHasAFileOfItsOwn()
    {
        var path = _directory.PathOf("out");

        OutputFiles.Write(path, stream =>
        {
            OutputFiles.Write(path, other => other.Write("second"u8));
            Assert.Equal("second", File.ReadAllText(path));
            stream.Write("first"u8);
        });

        Assert.Equal("first", File.ReadAllText(path));
        Assert.Equal(["out"], Names());
    }

    [Fact]
    public void Write_Fails_KeepsTheOldFileAndLeavesNoOther()
    {
        var path = _directory.Write("out", "old");

        Assert.Throws<OperationCanceledException>(() => OutputFiles.Write(path, stream =>
        {
            stream.Write("half"u8);
            throw new OperationCanceledException();
        }));

        Assert.Equal("old\n", File.ReadAllText(path));
        Assert.Equal(["out"], Names());
    }

    [Fact]
    public void Write_FileSystemRefuses_NamesThePathAndNoOther()
    {
        var path = _directory.PathOf(Path.Combine("missing", "out"));

        var e = Assert.Throws<InputException>(() => OutputFiles.Write(path, _ => { }));

        Assert.Equal($"{path}: cannot be written: no such file or directory", e.Message);
    }

    [Fact]
    public void Write_Link_ReplacesTheFileBehindItAndKeepsItsMode()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs links and modes");
        var (path, link) = (_directory.Write("out", "old"), _directory.PathOf("link"));
        File.CreateSymbolicLink(link, path);
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, Private);
        }

        OutputFiles.Write(link, stream => stream.Write("new"u8));

        Assert.Equal(path, new FileInfo(link).LinkTarget);
        Assert.Equal("new", File.ReadAllText(path));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(Private, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void Write_FileThatEverybodyMayWrite_KeepsItsModeWhateverTheUmask()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs modes");
        var path = _directory.Write("out", "old");
        const UnixFileMode Open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
            | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(path, Open);
        }

        OutputFiles.Write(path, stream => stream.Write("new"u8));

        Assert.Equal("new", File.ReadAllText(path));
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(Open, File.GetUnixFileMode(path));
        }
    }

    [Fact]
    public void Write_Device_IsWrittenItself()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        var link = _directory.PathOf("link");
        File.CreateSymbolicLink(link, "/dev/full");

        var e = Assert.Throws<InputException>(() => OutputFiles.Write(link, stream => stream.Write("text"u8)));

        Assert.Equal($"{link}: cannot be written: No space left on device", e.Message);
        Assert.Equal("/dev/full", new FileInfo(link).LinkTarget);
    }

    [Fact]
    public async Task Write_Pipe_IsWrittenItself()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs named pipes with paths");
        var pipe = _directory.PathOf("pipe");
        using (var made = Process.Start("mkfifo", pipe))
        {
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        foreach (var text in (string[])["first", "second"])
        {
            var read = Task.Run(() => File.ReadAllText(pipe), TestContext.Current.CancellationToken);
            await Task.Run(() => OutputFiles.Write(pipe, stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(text))), TestContext.Current.CancellationToken)
                .WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken);
            Assert.Equal(text, await read.WaitAsync(Eventually.Timeout, TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public void Check_InputBehindALinkedDirectory_IsTheSameFile()
    {
        var real = Directory.CreateDirectory(_directory.PathOf("real"));
        Directory.CreateSymbolicLink(_directory.PathOf("linked"), real.FullName);
        var (path, linked) = (_directory.Write(Path.Combine("real", "a"), "x"), _directory.PathOf(Path.Combine("linked", "a")));

        Assert.Throws<InputException>(() => OutputFiles.Check("--out", linked, path));
        OutputFiles.Check("--out", _directory.PathOf(Path.Combine("linked", "b")), path);
    }

    public void Dispose() => _directory.Dispose();

    private string?[] Names() => [.. Directory.GetFiles(_directory.Root).Select(Path.GetFileName)];
}
