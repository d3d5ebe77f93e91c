using StableDiffusion.Cli;

namespace StableDiffusion.Tests;

/// <summary>Pulls from a hub on loopback into a cache of their own.</summary>
public sealed class HubPullTests : IDisposable
{
    private readonly TestHub _hub = new();
    private readonly TemporaryFolder _folder = new();

    private HubCache Cache => new(_folder.PathOf("hub"));

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_pulled_model_lies_in_the_layout_of_the_hubs_own_cache()
    {
        AddModel("sd1-external");
        var folder = await PullAsync();

        var repository = _folder.PathOf("hub/models--someone--tiny-model");
        Assert.Equal(Path.Combine(repository, "snapshots", _hub.Commit), folder);
        Assert.Equal(_hub.Commit, await File.ReadAllTextAsync(Path.Combine(repository, "refs", "main"), TestContext.Current.CancellationToken));
        Assert.StartsWith("Signature: 8a477f597d28d172789f06886806bc55", await File.ReadAllTextAsync(_folder.PathOf("hub/CACHEDIR.TAG"), TestContext.Current.CancellationToken), StringComparison.Ordinal);
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(folder, path).Replace('\\', '/');
            var (content, isLarge) = _hub.Files[name];
            var up = string.Concat(Enumerable.Repeat("../", name.Count(c => c == '/') + 2));
            Assert.Equal($"{up}blobs/{TestHub.HashOf(content, isLarge)}", new FileInfo(path).LinkTarget);
            Assert.Equal(content, await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken));
        }

        // The Python library calls a pull of some files incomplete where this file exists.
        Assert.False(Directory.Exists(Path.Combine(repository, "trees")));
        Assert.DoesNotContain(Directory.EnumerateFiles(Path.Combine(repository, "blobs")), path => path.EndsWith("incomplete", StringComparison.Ordinal));
        Assert.Equal(folder, Cache.Of(HubName.Parse("someone/tiny-model")).FindSnapshot(HubName.Parse("someone/tiny-model")));
        Assert.NotNull(ModelFolder.Open(folder));
    }

    [Fact]
    public async Task Only_what_the_program_needs_is_fetched()
    {
        AddModel("sd1-external");
        foreach (var other in (string[])["README.md", "unet/diffusion_pytorch_model.safetensors", "unet/model.bin", "safety_checker/model.onnx", "v1.ckpt", "unet/openvino_model.xml"])
        {
            _hub.Add(other, [1, 2, 3], isLarge: true);
        }

        var folder = await PullAsync();
        var expected = Directory.EnumerateFiles(Goldens.PathOf("models", "sd1-external"), "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Goldens.PathOf("models", "sd1-external"), path)).Order(StringComparer.Ordinal);
        Assert.Equal(expected, Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Two_hundred_cut_downloads_end_in_the_same_bytes()
    {
        AddModel("sd1");
        var random = new Random(20261126);
        var cuts = 200;
        _hub.Cut = length => length > 1 && Interlocked.Decrement(ref cuts) >= 0 ? random.NextInt64(Math.Min(length, 20_000)) : null;
        var folder = await PullAsync();

        Assert.True(cuts < 0, "fewer than 200 answers were cut");
        AssertEqualToHub(folder);
        Assert.Contains(_hub.Requests, request => request.Range is not null);
    }

    [Fact]
    public async Task A_pull_that_was_stopped_goes_on_where_it_was()
    {
        var content = new byte[3_000_000];
        new Random(1).NextBytes(content);
        AddModel("sd1");
        _hub.Add("unet/model.onnx", [.. _hub.Files["unet/model.onnx"].Content], isLarge: true);
        _hub.Add("extra/big.data", content, isLarge: true);
        using (var stop = new CancellationTokenSource())
        {
            _hub.Cut = length =>
            {
                if (length == content.Length - 1_000_000)
                {
                    stop.Cancel();
                    return 0;
                }

                return length == content.Length ? 1_000_000 : null;
            };
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => PullAsync(include: ["extra/*"], cancellation: stop.Token));
        }

        Assert.Null(Cache.Of(HubName.Parse("someone/tiny-model")).FindSnapshot(HubName.Parse("someone/tiny-model")));
        _hub.Cut = _ => null;
        _hub.Requests.Clear();
        AssertEqualToHub(await PullAsync(include: ["extra/*"]));
        Assert.Contains(_hub.Requests, request => request.Path.EndsWith("extra/big.data", StringComparison.Ordinal) && request.Range == "bytes=1000000-");
    }

    /// <summary>
    /// More than 4 GiB in one file, cut once beyond 4 GiB; it takes minutes and that much room on the disk, so it is asked for with
    /// STABLEDIFFUSION_BIG=1. The hash is that of <c>head -c 4294967297 /dev/zero | sha256sum</c>.
    /// </summary>
    [Fact]
    public async Task A_file_of_four_gigabytes_is_pulled_in_bounded_memory()
    {
        const long Length = (1L << 32) + 1;
        const long MostGrowth = 100L << 20;
        Assert.SkipUnless(Environment.GetEnvironmentVariable("STABLEDIFFUSION_BIG") == "1", "STABLEDIFFUSION_BIG is not 1.");
        AddModel("sd1");
        await PullAsync();
        _hub.Zeros = ("unet/weights.data", Length, "fbb82f7b353676bb562eb82157fcf0ea42c36492ca13ee56dbf82c08b6802c5c");
        _hub.Commit = new string('b', 40);
        _hub.Cut = left => left == Length ? Length - 3 : null;
        using var process = System.Diagnostics.Process.GetCurrentProcess();
        var before = process.PeakWorkingSet64;

        var folder = await PullAsync(include: ["unet/weights.data"]);

        process.Refresh();
        var growth = process.PeakWorkingSet64 - before;
        TestContext.Current.TestOutputHelper?.WriteLine($"peak working set {before >> 20} MiB before, {process.PeakWorkingSet64 >> 20} MiB after");
        Assert.InRange(growth, 0, MostGrowth);
        using var file = File.OpenHandle(Path.Combine(folder, "unet", "weights.data"));
        Assert.Equal(Length, RandomAccess.GetLength(file));
        Assert.Contains(_hub.Requests, request => request.Range == $"bytes={Length - 3}-");
    }

    [Fact]
    public async Task A_server_without_ranges_is_asked_from_the_start_again()
    {
        AddModel("sd1");
        _hub.HasRanges = false;
        var cuts = 10;
        _hub.Cut = length => length > 100_000 && Interlocked.Decrement(ref cuts) >= 0 ? length / 2 : null;
        AssertEqualToHub(await PullAsync());
    }

    [Fact]
    public async Task Bytes_with_another_hash_are_never_taken_for_the_file()
    {
        AddModel("sd1");
        _hub.Send = (path, content) => path.EndsWith("unet/model.onnx", StringComparison.Ordinal) ? [.. content[..^1], (byte)~content[^1]] : content;
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("unet/model.onnx arrived twice with another hash", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(Blobs(), path => path.Contains(TestHub.HashOf(_hub.Files["unet/model.onnx"].Content, true), StringComparison.Ordinal));

        _hub.Send = (_, content) => content;
        AssertEqualToHub(await PullAsync());
    }

    [Fact]
    public async Task Wrong_bytes_of_an_earlier_run_are_found_and_fetched_anew()
    {
        AddModel("sd1");
        var (content, _) = _hub.Files["unet/model.onnx"];
        var blob = Cache.Of(HubName.Parse("someone/tiny-model")).BlobPath(TestHub.HashOf(content, true)) + ".sd-incomplete";
        Directory.CreateDirectory(Path.GetDirectoryName(blob)!);
        await File.WriteAllBytesAsync(blob, new byte[5000], TestContext.Current.CancellationToken);
        AssertEqualToHub(await PullAsync());
    }

    [Fact]
    public async Task Two_pulls_at_once_fetch_each_file_once()
    {
        AddModel("sd1");
        var folders = await Task.WhenAll(PullAsync(), PullAsync());
        Assert.Equal(folders[0], folders[1]);
        AssertEqualToHub(folders[0]);
        var fetched = _hub.Requests.Where(request => request.Host == "store").ToList();
        Assert.Equal(fetched.Count, fetched.DistinctBy(request => request.Path).Count());
    }

    [Fact]
    public async Task A_file_under_two_names_is_fetched_once()
    {
        AddModel("sd1");
        _hub.Add("tokenizer_2/vocab.json", _hub.Files["tokenizer/vocab.json"].Content, _hub.Files["tokenizer/vocab.json"].IsLarge);
        AssertEqualToHub(await PullAsync());
        Assert.Single(_hub.Requests, request => request.Path.EndsWith("/vocab.json", StringComparison.Ordinal) && request.Host == (_hub.Files["tokenizer/vocab.json"].IsLarge ? "store" : "hub"));
    }

    [Fact]
    public async Task What_is_here_already_is_not_fetched_again()
    {
        AddModel("sd1");
        await PullAsync();
        _hub.Requests.Clear();
        await PullAsync();
        Assert.DoesNotContain(_hub.Requests, request => request.Path.Contains("/resolve/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_token_never_leaves_the_hubs_own_host()
    {
        AddModel("sd1");
        await PullAsync(token: "hf_secret");
        Assert.All(_hub.Requests, request => Assert.Equal(request.Host == "hub", request.HasToken));
        Assert.Contains(_hub.Requests, request => request.Host == "store");
    }

    [Fact]
    public async Task A_renamed_repository_is_followed_to_its_new_name()
    {
        AddModel("sd1");
        _hub.OldId = "someone/old-name";
        var folder = await PullAsync("someone/old-name");
        Assert.Contains("models--someone--tiny-model", folder, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Weights_under_a_name_that_nobody_would_guess_are_fetched()
    {
        AddModel("sd1-external");
        var data = _hub.Files.Keys.Single(path => path.StartsWith("unet/", StringComparison.Ordinal) && !path.EndsWith(".onnx", StringComparison.Ordinal) && !path.EndsWith(".json", StringComparison.Ordinal));
        var graph = OnnxGraph.Load(Goldens.PathOf("models", "sd1-external", "unet", "model.onnx"));
        foreach (var weight in graph.Initializers.Where(weight => weight.File is not null))
        {
            weight.PointTo(weight.File! with { Location = "strange.txt" });
        }

        _hub.Add("unet/strange.txt", _hub.Files[data].Content, isLarge: true);
        _hub.Files.Remove(data);
        _hub.Add("unet/model.onnx", graph.ToBytes(), isLarge: true);
        var folder = await PullAsync();
        Assert.True(File.Exists(Path.Combine(folder, "unet", "strange.txt")));

        _hub.Files.Remove("unet/strange.txt");
        _hub.Commit = new string('b', 40);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("names weights in unet/strange.txt, which the repository does not have", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(404, "X-Error-Code: RevisionNotFound\r\n", "", null, "has no revision 'main'")]
    [InlineData(404, "X-Error-Code: RepoNotFound\r\n", "", null, "does not exist, or is private")]
    [InlineData(401, "X-Error-Code: GatedRepo\r\n", "", null, "is gated: accept its licence")]
    [InlineData(403, "X-Error-Code: GatedRepo\r\n", "", "hf_x", "the token that is set has no access yet")]
    [InlineData(401, "", "{\"error\":\"Invalid credentials in Authorization header\"}", "hf_x", "does not accept the token")]
    [InlineData(401, "", "{\"error\":\"Invalid username or password.\"}", null, "does not exist, or is private; if it is yours, set HF_TOKEN")]
    [InlineData(403, "X-Error-Message: Access to this resource is disabled.\r\n", "", null, "is disabled by the hub")]
    [InlineData(403, "", "{\"error\":\"no rights\"}", "hf_x", "the hub denies access to someone/tiny-model: no rights; check the rights of your token")]
    [InlineData(500, "", "", null, "the hub is out of order (500)")]
    [InlineData(429, "Retry-After: 100000\r\n", "", null, "the hub's limit of requests is reached")]
    [InlineData(418, "", "<html>", null, "the hub refuses someone/tiny-model (418)")]
    public async Task A_refusal_is_one_line_that_says_what_to_do(int status, string headers, string body, string? token, string expected)
    {
        _hub.Refuse = _ => (status, headers, body);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync(token: token));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.DoesNotContain("hf_x", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_busy_hub_is_asked_again()
    {
        AddModel("sd1");
        var refusals = 4;
        _hub.Refuse = _ => Interlocked.Decrement(ref refusals) >= 0 ? (refusals % 2 == 0 ? 503 : 429, refusals % 2 == 0 ? "" : "RateLimit: \"api\";r=0;t=0\r\n", "") : null;
        AssertEqualToHub(await PullAsync());
    }

    [Fact]
    public async Task A_list_that_breaks_off_is_asked_for_again()
    {
        AddModel("sd1");
        _hub.BrokenLists = 5;
        AssertEqualToHub(await PullAsync());
    }

    [Fact]
    public async Task A_hub_whose_lists_always_break_off_is_said_in_one_line()
    {
        AddModel("sd1");
        _hub.BrokenLists = int.MaxValue;
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("127.0.0.1 cannot be reached: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task A_file_that_changes_while_it_is_fetched_is_not_mixed()
    {
        AddModel("sd1");
        var changed = false;
        _hub.Refuse = path =>
        {
            // After the listing and before the file's own answer: a change after that answer would meet the hash it named.
            if (path.Contains("/resolve/", StringComparison.Ordinal) && path.EndsWith("unet/model.onnx", StringComparison.Ordinal) && !changed)
            {
                changed = true;
                _hub.Add("unet/model.onnx", [.. _hub.Files["unet/model.onnx"].Content, 0], isLarge: true);
            }

            return null;
        };
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("unet/model.onnx changed on the hub", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_gone_since_it_was_listed_is_said()
    {
        AddModel("sd1");
        _hub.Refuse = path => path.Contains("/resolve/", StringComparison.Ordinal) ? (404, "X-Error-Code: EntryNotFound\r\n", "") : null;
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Matches("^someone/tiny-model has no file .+; it may have changed: run the command again\\.$", error.Message);
    }

    [Fact]
    public async Task A_file_that_is_longer_than_the_hub_says_is_given_up()
    {
        AddModel("sd1");
        _hub.Send = (path, content) => path.EndsWith("unet/model.onnx", StringComparison.Ordinal) ? [.. content, 0] : content;
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.StartsWith("unet/model.onnx is longer than the hub states (", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_said_with_the_reason()
    {
        AddModel("sd1");
        Directory.CreateDirectory(_folder.PathOf("hub/models--someone--tiny-model"));
        await File.WriteAllTextAsync(_folder.PathOf("hub/models--someone--tiny-model/blobs"), "", TestContext.Current.CancellationToken);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.StartsWith($"{_folder.PathOf("hub")} cannot be written: ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith(". What came is kept: make room and run the command again.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("unet/../../evil")]
    [InlineData("/etc/passwd")]
    [InlineData("a\\b")]
    public async Task A_path_that_leads_out_of_the_snapshot_is_refused(string path)
    {
        AddModel("sd1");
        _hub.Add(path, [1]);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("lists a file that cannot be kept here", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_without_ONNX_is_told_so_with_the_command_that_exports_it()
    {
        _hub.Add("model_index.json", "{}"u8.ToArray());
        _hub.Add("unet/diffusion_pytorch_model.safetensors", [1], isLarge: true);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("has no ONNX files. Export it with: optimum-cli export onnx --model someone/tiny-model", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_with_networks_of_other_kinds_is_told_so()
    {
        _hub.Add("onnx/model.onnx", [1], isLarge: true);
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Equal("someone/tiny-model has ONNX files, but none in a folder unet or transformer: it is no text-to-image pipeline that can be run.", error.Message);
    }

    [Fact]
    public async Task What_answers_but_is_no_hub_is_said()
    {
        _hub.Refuse = _ => (200, "", "<html>welcome to our proxy</html>");
        var error = await Assert.ThrowsAsync<ModelException>(() => PullAsync());
        Assert.Contains("does not answer as the hub does", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offline_means_no_request()
    {
        var settings = new HubSettings(_hub.Endpoint, _folder.PathOf("hub"), null, IsOffline: true);
        using var client = new HubClient(settings, _ => { }, TimeSpan.FromMilliseconds(1));
        var error = await Assert.ThrowsAsync<ModelException>(() =>
            new HubPull(settings, client, new ConsoleLog(quiet: true, verbose: false)).RunAsync(HubName.Parse("a/b"), null, [], TestContext.Current.CancellationToken));
        Assert.Contains("HF_HUB_OFFLINE", error.Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);
    }

    private void AddModel(string name)
    {
        var folder = Goldens.PathOf("models", name);
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            _hub.Add(Path.GetRelativePath(folder, path).Replace('\\', '/'), File.ReadAllBytes(path), isLarge: new FileInfo(path).Length > 10_000);
        }
    }

    private async Task<string> PullAsync(string name = "someone/tiny-model", string? token = null, string? variant = null, string[]? include = null, CancellationToken? cancellation = null)
    {
        var settings = new HubSettings(_hub.Endpoint, _folder.PathOf("hub"), token, IsOffline: false);
        using var client = new HubClient(settings, _ => { }, TimeSpan.FromMilliseconds(1));
        return await new HubPull(settings, client, new ConsoleLog(quiet: true, verbose: false))
            .RunAsync(HubName.Parse(name), variant, include ?? [], cancellation ?? TestContext.Current.CancellationToken);
    }

    private string[] Blobs() => Directory.GetFiles(_folder.PathOf("hub/models--someone--tiny-model/blobs"));

    private void AssertEqualToHub(string folder)
    {
        var paths = Directory.GetFiles(folder, "*", SearchOption.AllDirectories);
        Assert.NotEmpty(paths);
        foreach (var path in paths)
        {
            Assert.True(File.ReadAllBytes(path).AsSpan().SequenceEqual(_hub.Files[Path.GetRelativePath(folder, path).Replace('\\', '/')].Content), path);
        }

        foreach (var blob in Blobs())
        {
            var bytes = File.ReadAllBytes(blob);
            Assert.Equal(Path.GetFileName(blob), TestHub.HashOf(bytes, Path.GetFileName(blob).Length == 64));
        }
    }
}
