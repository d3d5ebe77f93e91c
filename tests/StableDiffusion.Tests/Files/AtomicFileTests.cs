namespace StableDiffusion.Tests;

public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_appears_with_its_content()
    {
        AtomicFile.Write(_folder.PathOf("a.txt"), static stream => stream.Write("new"u8));

        Assert.Equal("new", File.ReadAllText(_folder.PathOf("a.txt")));
        Assert.Equal(["a.txt"], _folder.Names());
    }

    [Fact]
    public void While_it_is_written_the_old_content_stays()
    {
        var path = _folder.PathOf("a.txt");
        File.WriteAllText(path, "old");

        AtomicFile.Write(path, stream =>
        {
            stream.Write("new"u8);
            stream.Flush();
            Assert.Equal("old", File.ReadAllText(path));
            Assert.Equal(2, _folder.Names().Length);
            Assert.Single(Directory.GetFiles(_folder.Path, AtomicFile.TemporaryPattern));
        });

        Assert.Equal("new", File.ReadAllText(path));
    }

    [Fact]
    public void A_failure_or_a_cancellation_leaves_everything_as_it_was()
    {
        var path = _folder.PathOf("a.txt");
        File.WriteAllText(path, "old");

        Assert.Throws<OperationCanceledException>(() => AtomicFile.Write(path, static stream =>
        {
            stream.Write("ne"u8);
            throw new OperationCanceledException();
        }));

        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["a.txt"], _folder.Names());
    }

    [Fact]
    public void Without_overwrite_an_existing_file_is_kept()
    {
        var path = _folder.PathOf("a.txt");
        File.WriteAllText(path, "old");

        var error = Assert.Throws<RequestException>(() => AtomicFile.Write(path, static _ => { }, overwrite: false));

        Assert.Contains("exists already", error.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal(["a.txt"], _folder.Names());
    }

    [Fact]
    public void Without_overwrite_a_file_that_appears_meanwhile_is_kept()
    {
        var path = _folder.PathOf("a.txt");

        Assert.Throws<RequestException>(() => AtomicFile.Write(path, _ => File.WriteAllText(path, "theirs"), overwrite: false));

        Assert.Equal("theirs", File.ReadAllText(path));
        Assert.Equal(["a.txt"], _folder.Names());
    }

    [Fact]
    public void Of_many_writers_without_overwrite_exactly_one_wins()
    {
        for (var round = 0; round < 200; round++)
        {
            var path = _folder.PathOf($"{round}.txt");
            var wins = 0;
            using var together = new Barrier(8);
            Thread[] writers = [.. Enumerable.Range(0, 8).Select(i => new Thread(() =>
            {
                try
                {
                    AtomicFile.Write(path, stream =>
                    {
                        stream.WriteByte((byte)('0' + i));
                        together.SignalAndWait();
                    }, overwrite: false);
                    Interlocked.Increment(ref wins);
                }
                catch (RequestException)
                {
                }
            }))];
            Array.ForEach(writers, static writer => writer.Start());
            Array.ForEach(writers, static writer => writer.Join());

            Assert.Equal(1, wins);
            Assert.Equal(1, new FileInfo(path).Length);
        }

        Assert.Equal(200, _folder.Names().Length);
    }

    [Fact]
    public void A_link_into_a_folder_that_is_not_there_is_refused_by_that_folder()
    {
        File.CreateSymbolicLink(_folder.PathOf("link.txt"), _folder.PathOf("nowhere/real.txt"));

        Assert.Contains($"there is no folder {OneLine.Quote(_folder.PathOf("nowhere"))}", Assert.Throws<RequestException>(() => AtomicFile.RequireWritable(_folder.PathOf("link.txt"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_folder_above_a_link_is_that_above_its_end_as_for_all_other_programs()
    {
        Directory.CreateDirectory(_folder.PathOf("real/below"));
        Directory.CreateSymbolicLink(_folder.PathOf("link"), _folder.PathOf("real/below"));

        AtomicFile.Write(_folder.PathOf("link/../a.txt"), static stream => stream.Write("new"u8));

        Assert.Equal("new", File.ReadAllText(_folder.PathOf("real/a.txt")));
        Assert.False(File.Exists(_folder.PathOf("a.txt")));
        Assert.Contains("there is no folder", Assert.Throws<RequestException>(() => AtomicFile.RequireWritable(_folder.PathOf("nowhere/../a.txt"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_keeps_pointing_at_its_file()
    {
        File.WriteAllText(_folder.PathOf("real.txt"), "old");
        File.CreateSymbolicLink(_folder.PathOf("link.txt"), _folder.PathOf("real.txt"));

        AtomicFile.Write(_folder.PathOf("link.txt"), static stream => stream.Write("new"u8));

        Assert.Equal("new", File.ReadAllText(_folder.PathOf("real.txt")));
        Assert.NotNull(File.ResolveLinkTarget(_folder.PathOf("link.txt"), returnFinalTarget: false));
    }

    [Fact]
    public void A_device_is_written_and_not_replaced()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows has no /dev/null.");

        AtomicFile.Write("/dev/null", static stream => stream.Write("new"u8));

        Assert.Equal("", File.ReadAllText("/dev/null"));
    }

    [Theory]
    [InlineData("missing/a.png", "there is no folder")]
    [InlineData("", "names a folder")]
    [InlineData("a\0b.png", "cannot be written")]
    public void A_place_that_cannot_be_written_is_said_in_one_line(string name, string says)
    {
        var error = Assert.Throws<RequestException>(() => AtomicFile.Write(_folder.Path + "/" + name, static _ => { }));

        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(error.Message, char.IsControl);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_name_of_300_bytes_is_said_to_be_too_long()
    {
        var error = Assert.Throws<RequestException>(() => AtomicFile.Write(_folder.PathOf(new string('a', 300)), static _ => { }));

        Assert.Contains("too long", error.Message, StringComparison.Ordinal);
        Assert.Empty(_folder.Names());
    }

    [Fact]
    public void A_full_disk_is_said_and_leaves_nothing()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "There is no /dev/full here.");

        var error = Assert.Throws<RequestException>(static () => AtomicFile.Write("/dev/full", static stream => stream.Write(new byte[100_000])));

        Assert.Contains("No space left", error.Message, StringComparison.Ordinal);
    }
}
