using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The program against a hub on loopback, with a cache, a configuration and an environment of its own.</summary>
public sealed class HubProgramTests : IDisposable
{
    private const string Name = "someone/tiny-model";

    private readonly TestHub _hub = new();
    private readonly TemporaryFolder _folder = new();

    private Dictionary<string, string> Environment => new()
    {
        ["HF_ENDPOINT"] = _hub.Endpoint,
        ["HF_HUB_CACHE"] = _folder.PathOf("hub"),
        ["XDG_CONFIG_HOME"] = _folder.PathOf("config"),
    };

    public HubProgramTests()
    {
        var folder = Goldens.PathOf("models", "sd1");
        foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            _hub.Add(Path.GetRelativePath(folder, path).Replace('\\', '/'), File.ReadAllBytes(path), isLarge: new FileInfo(path).Length > 10_000);
        }
    }

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_pulled_model_is_listed_inspected_painted_with_and_removed()
    {
        var pulled = Run("pull", Name);
        Assert.Equal((0, ""), (pulled.ExitCode, pulled.Errors.Contains("error", StringComparison.Ordinal) ? pulled.Errors : ""));
        Assert.Contains($" of {_hub.Files.Count} files", pulled.Errors, StringComparison.Ordinal);
        Assert.True(Directory.Exists(Assert.Single(pulled.OutputLines)));

        var listed = JsonNode.Parse(Run("list", "--json").Output)!.AsArray();
        var one = Assert.Single(listed)!;
        Assert.Equal((Name, "StableDiffusionPipeline", "float32"), ((string)one["name"]!, (string)one["family"]!, (string)one["precision"]!));
        Assert.Equal(_hub.Files.Values.Sum(file => file.Content.LongLength), (long)one["bytes"]!);

        var inspected = Run("inspect", Name, "--json");
        Assert.Equal(0, inspected.ExitCode);
        Assert.Contains("\"text to image\":true", inspected.Output, StringComparison.Ordinal);

        // Offline, without a request, and the same picture as from the folder that it came from.
        _hub.Requests.Clear();
        Assert.Equal(0, Run("-m", Name, "a cat", "-s", "1", "--steps", "2", "-o", _folder.PathOf("pulled.png")).ExitCode);
        Assert.Equal(0, Run("-m", Goldens.PathOf("models", "sd1"), "a cat", "-s", "1", "--steps", "2", "-o", _folder.PathOf("own.png")).ExitCode);
        Assert.Equal(0, Run("compare", _folder.PathOf("pulled.png"), _folder.PathOf("own.png"), "--tolerance", "0").ExitCode);
        Assert.Empty(_hub.Requests);

        Assert.Equal(0, Run("rm", Name).ExitCode);
        Assert.Equal("[]", Run("list", "--json").Output.Trim());
        Assert.Equal(2, Run("rm", Name).ExitCode);
        Assert.False(Directory.Exists(_folder.PathOf("hub/models--someone--tiny-model")));
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_pull_that_a_signal_stops_leaves_no_file_that_is_not_whole_and_goes_on_where_it_was(string signal, int exitCode)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Signals are sent with kill.");

        // Half of the largest file comes, and of the rest nothing.
        const string Largest = "unet/model.onnx";
        var (content, isLarge) = _hub.Files[Largest];
        var (half, blob) = (content.Length / 2, _folder.PathOf($"hub/models--someone--tiny-model/blobs/{TestHub.HashOf(content, isLarge)}"));
        var (stalls, ends) = (new TaskCompletionSource(), new TaskCompletionSource());
        _hub.Cut = left =>
        {
            if (left == content.Length - half)
            {
                stalls.TrySetResult();
                ends.Task.Wait();
            }

            return left == content.Length ? half : null;
        };
        using (var program = SdProgram.Start(["pull", Name], environment: Environment))
        {
            await stalls.Task.WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken);
            SdProgram.Stop(program, signal);
            ends.SetResult();

            Assert.Equal((exitCode, ""), (program.ExitCode, program.StandardOutput.ReadToEnd()));
            var errors = program.StandardError.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("error: stopped; run the same command again to go on where it was.", Assert.Single(errors, line => line.Contains("error", StringComparison.Ordinal)));
        }

        Assert.False(File.Exists(blob));
        Assert.Contains("is not in the cache", Assert.Single(Run("-m", Name, "a cat").ErrorLines), StringComparison.Ordinal);

        _hub.Cut = _ => null;
        _hub.Requests.Clear();
        Assert.Equal(0, Run("pull", Name).ExitCode);
        Assert.Contains(_hub.Requests, request => request.Path.EndsWith(Largest, StringComparison.Ordinal) && request.Range == $"bytes={half}-");
        Assert.Equal(content, File.ReadAllBytes(blob));
    }

    /// <summary>The decoder of another model shows which of the two was fetched.</summary>
    [Fact]
    public void Of_the_variant_that_is_asked_for_only_those_networks_come_that_there_are()
    {
        var other = Goldens.PathOf("models", "lcm", "vae_decoder", "model.onnx");
        _hub.Add("vae_decoder/model_fp16.onnx", File.ReadAllBytes(other), isLarge: true);
        _folder.Fill(Goldens.PathOf("models", "sd1"), "own");
        File.Copy(other, _folder.PathOf("own/vae_decoder/model.onnx"), overwrite: true);

        var pulled = Run("pull", Name, "--variant", "fp16", "--quiet");

        Assert.Equal(0, pulled.ExitCode);
        Assert.Equal(
            ["text_encoder", "unet", "vae_encoder"],
            pulled.ErrorLines.Select(line => line.Split(" has no variant fp16; taking model.onnx.")[0]["warning: ".Length..]).Order(StringComparer.Ordinal));
        var folder = Assert.Single(pulled.OutputLines);
        Assert.Equal(["config.json", "model_fp16.onnx"], Directory.EnumerateFiles(Path.Combine(folder, "vae_decoder")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        string[] cat = ["a cat", "-s", "1", "--steps", "2", "--device", "cpu", "-q"];
        Assert.Equal(0, Run([.. cat, "-m", Name, "-o", _folder.PathOf("pulled.png")]).ExitCode);
        Assert.Equal(0, Run([.. cat, "-m", _folder.PathOf("own"), "-o", _folder.PathOf("own.png")]).ExitCode);
        Assert.Equal(0, Run("compare", _folder.PathOf("pulled.png"), _folder.PathOf("own.png"), "--tolerance", "0").ExitCode);
    }

    [Fact]
    public void What_else_is_named_by_patterns_is_fetched_too()
    {
        foreach (var name in (string[])["loras/a.safetensors", "loras/b.safetensors", "notes/c.md", "README.md"])
        {
            _hub.Add(name, [1, 2, 3], isLarge: true);
        }

        var pulled = Run("pull", Name, "--include", "loras/*", "--include", "notes/?.md", "--quiet");

        Assert.Equal((0, ""), (pulled.ExitCode, pulled.Errors));
        var folder = Assert.Single(pulled.OutputLines);
        Assert.Equal(
            _hub.Files.Keys.Except(["README.md"]).Order(StringComparer.Ordinal),
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(folder, path).Replace('\\', '/')).Order(StringComparer.Ordinal));
    }

    /// <summary>What follows <c>pull</c>, a variable, and what the line must say.</summary>
    [Theory]
    [InlineData(Name + " --include nothing/*", "", 2, "--include nothing/* matches none of the 14 files of someone/tiny-model.")]
    [InlineData(Name, "HF_ENDPOINT=hub", 2, "HF_ENDPOINT is hub; it must be an address that begins with https:// or http://.")]
    [InlineData(Name, "HF_TOKEN=two words", 2, "has characters that no token has; set it again.")]
    [InlineData(Name, "HF_HUB_OFFLINE=1", 1, "nothing can be fetched while HF_HUB_OFFLINE is set; unset it.")]
    [InlineData(Name, "HF_HUB_CACHE=/dev/null", 2, "the cache /dev/null cannot be written: ")]
    [InlineData(Name + " --variant fp61", "", 2, "--variant fp61: someone/tiny-model has no variants; leave it out.")]
    [InlineData(Name + " --variant fp16 --variant fp32", "", 2, "--variant is given 2 times; give it once")]
    [InlineData("", "", 2, "Required argument 'model' missing for command: 'pull'")]
    [InlineData(Name + " other/model", "", 2, "other/model")]
    public void A_pull_that_cannot_be_is_refused_in_one_line(string arguments, string variable, int exitCode, string words)
    {
        var pair = $"{variable}=".Split('=');

        var refused = Run(["pull", .. arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries)], pair[0].Length > 0 ? (pair[0], pair[1]) : ("SD_MODEL", ""));

        Assert.Equal((exitCode, ""), (refused.ExitCode, refused.Output));
        Assert.Contains(words, Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder.PathOf("hub/models--someone--tiny-model")));
    }

    [Fact]
    public void A_model_for_which_the_disk_is_too_small_is_not_begun()
    {
        _hub.Zeros = ("unet/model.onnx_data", 1L << 60, new string('e', 64));

        var refused = Run("pull", Name, "--quiet");

        Assert.Equal(1, refused.ExitCode);
        Assert.Matches(@"^error: someone/tiny-model takes 1152922 TB, and .+/hub has .+ left; make room, or set HF_HOME to a folder on another disk\.$", Assert.Single(refused.ErrorLines));
        Assert.DoesNotContain(_hub.Requests, request => request.Host == "store");
    }

    [Fact]
    public void A_file_that_the_hub_names_and_does_not_send_is_given_up()
    {
        _hub.Send = (path, content) => path.EndsWith("unet/model.onnx", StringComparison.Ordinal) ? [] : content;

        var refused = Run("pull", Name, "--quiet");

        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("unet/model.onnx: the hub sends 0 B of ", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_has_another_name_now_is_pulled_by_that()
    {
        _hub.OldId = "someone/old-model";

        var pulled = Run("pull", "someone/old-model", "--quiet");

        Assert.Equal((0, "warning: someone/old-model is called someone/tiny-model now.\n"), (pulled.ExitCode, pulled.Errors));
        Assert.Contains("models--someone--tiny-model", pulled.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_without_ONNX_networks_are_listed_only_when_all_are_asked_for()
    {
        Assert.Equal($"no models in {_folder.PathOf("hub")}; 'sd pull OWNER/NAME' fetches one.", Assert.Single(Run("list").ErrorLines));
        AddOther();

        Assert.Equal("", Run("list").Output);
        Assert.Matches(@"^somebody/else  OtherPipeline +-  +34 B  \d{4}-\d\d-\d\d$", Assert.Single(Run("list", "--all").OutputLines));
        var one = Assert.Single(JsonNode.Parse(Run("list", "-a", "--json").Output)!.AsArray())!;
        Assert.Equal(("somebody/else", "OtherPipeline", false, null), ((string)one["name"]!, (string)one["family"]!, (bool)one["onnx"]!, (string?)one["precision"]));
        Assert.Equal("[]", Run("list", "--json").Output.Trim());
    }

    [Fact]
    public void Of_several_models_none_is_removed_where_one_is_not_there_and_each_once_where_all_are()
    {
        AddOther();
        Assert.Equal(0, Run("pull", Name).ExitCode);

        var refused = Run("rm", Name, "nobody/nothing", "somebody/else");
        Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
        Assert.Equal($"error: nobody/nothing is not in the cache ({_folder.PathOf("hub")}); 'sd list --all' lists what is.", Assert.Single(refused.ErrorLines));
        Assert.Equal(2, JsonNode.Parse(Run("list", "--all", "--json").Output)!.AsArray().Count);

        var removed = Run("rm", "somebody/else", Name, "somebody/else@main");
        Assert.Equal((0, ""), (removed.ExitCode, removed.Errors));
        Assert.Equal(["somebody/else@cccccccccccc", $"{Name}@aaaaaaaaaaaa"], removed.OutputLines.Select(line => line.Split(':')[0]));
        Assert.Equal("[]", Run("list", "--all", "--json").Output.Trim());
    }

    /// <summary>Of a pull that was stopped early there is no snapshot yet, but gigabytes of its largest files.</summary>
    [Fact]
    public void What_a_pull_began_and_brought_to_no_end_can_be_removed()
    {
        Directory.CreateDirectory(_folder.PathOf("hub/models--a--b/blobs"));
        File.WriteAllBytes(_folder.PathOf("hub/models--a--b/blobs/0123.sd-incomplete"), new byte[2_000_000]);

        var removed = Run("rm", "a/b");

        Assert.Equal((0, "a/b: 2.00 MB free\n", ""), (removed.ExitCode, removed.Output, removed.Errors));
        Assert.False(Directory.Exists(_folder.PathOf("hub/models--a--b")));
        Assert.Equal(2, Run("rm", "a/b").ExitCode);
    }

    [Fact]
    public void A_model_that_is_not_cached_is_named_with_the_command_that_fetches_it()
    {
        var refused = Run("-m", Name, "a cat", "-o", _folder.Path + "/");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains($"'sd pull {Name}' fetches it", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Empty(_hub.Requests);
    }

    [Fact]
    public void A_repository_that_does_not_exist_is_one_line_and_exit_code_1()
    {
        var refused = Run("pull", "nobody/nothing");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("nobody/nothing does not exist, or is private", Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_is_none_is_exit_code_2() => Assert.Equal(2, Run("pull", "nothing").ExitCode);

    [Fact]
    public void Removing_one_snapshot_leaves_what_another_one_uses()
    {
        Assert.Equal(0, Run("pull", Name).ExitCode);
        _hub.Commit = new string('b', 40);
        _hub.Add("model_index.json", [.. _hub.Files["model_index.json"].Content, (byte)'\n']);
        Assert.Equal(0, Run("pull", Name).ExitCode);

        Assert.Equal(0, Run("rm", $"{Name}@{new string('a', 40)}").ExitCode);
        var one = Assert.Single(JsonNode.Parse(Run("list", "--json").Output)!.AsArray())!;
        Assert.Equal(new string('b', 40), (string)one["commit"]!);
        Assert.Equal(0, Run("inspect", Name).ExitCode);
    }

    [Fact]
    public void Defaults_stand_below_presets_and_presets_below_the_command_line()
    {
        Configure("config.json", """{ "steps": 3, "cfg-scale": 2, "presets": { "draft": { "steps": 2 } } }""");
        Assert.Equal((3, 2.0), Painted());
        Assert.Equal((2, 2.0), Painted("--preset", "draft"));
        Assert.Equal((4, 5.0), Painted("--preset", "draft", "--steps", "4", "--cfg-scale", "5"));

        (int Steps, double Scale) Painted(params string[] options)
        {
            var outcome = Run([.. options, "-m", Goldens.PathOf("models", "sd1"), "a cat", "-s", "1", "--json", "-o", _folder.Path + "/"]);
            Assert.Equal("", outcome.ExitCode == 0 ? "" : outcome.Errors);
            var parameters = PngReader.ReadTexts((string)JsonNode.Parse(outcome.Output)!["path"]!).Single(text => text.Key == "parameters").Value;
            return (int.Parse(After(parameters, "Steps: "), System.Globalization.CultureInfo.InvariantCulture), double.Parse(After(parameters, "CFG scale: "), System.Globalization.CultureInfo.InvariantCulture));
        }

        static string After(string text, string key) => text[(text.IndexOf(key, StringComparison.Ordinal) + key.Length)..].Split(',')[0];
    }

    [Fact]
    public void A_snapshot_of_any_name_is_removed()
    {
        Directory.CreateDirectory(_folder.PathOf("hub/models--a--b/snapshots/x"));

        var removed = Run("rm", "a/b");

        Assert.Equal((0, "a/b@x: 0 B free\n", ""), (removed.ExitCode, removed.Output, removed.Errors));
    }

    [Theory]
    [InlineData("""{ "preset": "draft", "presets": { "draft": { "steps": 2 } } }""", "Steps: 2,")]
    [InlineData("""{ "guidance-scale": 3, "preset": "draft", "presets": { "draft": { "cfg_scale": 4 } } }""", "CFG scale: 4,")]
    [InlineData("""{ "negative_prompt": "" }""", "a cat\nSteps: ")]
    [InlineData("""{ "prompt": "a dog" }""", "a cat\nSteps: ")]
    [InlineData("""{ "unet_batch": 4, "resume": true, "batch_size": 1 }""", "a cat\nSteps: ")]
    [InlineData("""{ "scheduler_config": ["", "solver_order=3"] }""", null)]
    public void The_configuration_may_name_its_preset_and_hold_empty_texts_and_options_of_other_commands(string config, string? expected)
    {
        Configure("config.json", config);

        var outcome = Run("a cat", "-m", Goldens.PathOf("models", "sd1"), "-s", "1", "--device", "cpu", "-q", "-o", _folder.PathOf("cat.png"));

        if (expected is null)
        {
            Assert.Equal((2, $"error: --scheduler-config '' must be key=value, such as solver_order=3. (--scheduler-config is set in {_folder.PathOf("config/sd/config.json")})\n"), (outcome.ExitCode, outcome.Errors));
            return;
        }

        Assert.Equal((0, ""), (outcome.ExitCode, outcome.Errors));
        Assert.Contains(expected, PngReader.ReadTexts(_folder.PathOf("cat.png"))[0].Value, StringComparison.Ordinal);
    }

    [Fact]
    public void The_output_of_the_configuration_is_for_pictures_and_no_page()
    {
        var picture = _folder.PathOf("pic.png");
        Configure("config.json", $$"""{ "output": "{{picture}}" }""");
        string[] options = ["a cat", "-m", Goldens.PathOf("models", "sd1"), "-s", "1", "--steps", "2", "-q"];
        Assert.Equal(0, Run(options).ExitCode);
        var before = File.ReadAllBytes(picture);

        Assert.Equal(0, Run(["explain", .. options, "-o", _folder.PathOf("page.html")]).ExitCode);
        var refused = Run(["explain", .. options, "-o", picture]);
        var data = Run(["explain", .. options, "--json", "-o", _folder.PathOf("data.html")]);

        Assert.Equal((2, $"error: --output {picture} must end in .html, for a page; data needs --json.\n"), (refused.ExitCode, refused.Errors));
        Assert.Equal((2, $"error: --output {_folder.PathOf("data.html")} must end in .json, for data.\n"), (data.ExitCode, data.Errors));
        Assert.Equal(before, File.ReadAllBytes(picture));
        var named = SdProgram.Run(["explain", .. options], _folder.Path, "", new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = _folder.PathOf("config") });
        Assert.Equal((0, "explanation.html\n"), (named.ExitCode, named.Output));
    }

    [Fact]
    public void A_model_that_the_environment_names_and_that_is_not_there_is_said_to_be_named_there()
    {
        var refused = Run(["a castle"], ("SD_MODEL", "/no/such/model"));

        Assert.Equal((1, "error: SD_MODEL names the model /no/such/model, which does not exist; set it to another, or name one with --model.\n"), (refused.ExitCode, refused.Errors));
    }

    [Fact]
    public void Errors_are_said_in_the_way_that_the_users_file_asks_for()
    {
        Directory.CreateDirectory(_folder.PathOf("config/sd"));
        File.WriteAllText(_folder.PathOf("config/sd/config.json"), """{"progress": "json"}""");

        var refused = Run("a castle", "--steps", "0");

        Assert.Equal("--steps 0 must be at least 1", ((string)JsonNode.Parse(Assert.Single(refused.ErrorLines))!["message"]!)[.."--steps 0 must be at least 1".Length]);
    }

    [Fact]
    public void What_the_users_file_sets_and_a_model_cannot_have_is_said_to_be_set_there()
    {
        Directory.CreateDirectory(_folder.PathOf("config/sd"));
        var file = _folder.PathOf("config/sd/config.json");
        File.WriteAllText(file, """{"clip_skip": 2}""");

        var refused = Run("a castle", "-m", FamilyGoldens.ModelNamed("flux-dev"), "--steps", "1");
        var typed = Run("a castle", "-m", FamilyGoldens.ModelNamed("flux-dev"), "--steps", "1", "--clip-skip", "2");

        Assert.Equal((2, $"{typed.Errors.TrimEnd()} (--clip-skip is set in {file})\n"), (refused.ExitCode, refused.Errors));
    }

    /// <summary>A folder that anyone can write is not to say how others paint: where there is no home, there is no file.</summary>
    [Fact]
    public void Without_a_home_no_file_of_the_current_folder_is_read()
    {
        Directory.CreateDirectory(_folder.PathOf(".config/sd"));
        File.WriteAllText(_folder.PathOf(".config/sd/config.json"), """{"steps": 0}""");
        var nowhere = new Dictionary<string, string> { ["HOME"] = _folder.PathOf("nowhere"), ["XDG_CONFIG_HOME"] = "", ["XDG_CACHE_HOME"] = "" };

        var painted = SdProgram.Run(["a castle", "-m", Goldens.PathOf("models", "sd1"), "--steps", "1", "-q", "-o", "a.png"], _folder.Path, "", nowhere);
        var cache = SdProgram.Run(["cache"], _folder.Path, "", nowhere);

        Assert.Equal((0, ""), (painted.ExitCode, painted.Errors));
        Assert.Contains(_folder.PathOf("nowhere/.cache/sd/graphs"), cache.Output + cache.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{ "stps": 3 }""", "there is no option 'stps'")]
    [InlineData("""{ "presets": { "draft": { "steps": 8, "steps": 9 } } }""", "is not valid JSON")]
    [InlineData("""{ "steps": 8, "steps": 9 }""", "is not valid JSON")]
    [InlineData("""{ "prompt": "cat \ud83d" }""", "has half of a character")]
    [InlineData("""{ "cfg_scale": 2, "guidance-scale": 3 }""", "'cfg_scale' and 'guidance-scale' are one option")]
    [InlineData("""{ "preset": "x" }""", "'preset' x is not in")]
    [InlineData("""{ "presets": { "a": { "preset": "b" } } }""", "the preset a names a preset itself")]
    [InlineData("""{ "steps": "many" }""", "--steps many must be a whole number")]
    [InlineData("""{ "steps": {} }""", "'steps' must be a text, a number, true or false")]
    [InlineData("""{ "presets": 3 }""", "'presets' must be an object of options")]
    [InlineData("""[ ]""", "must be a JSON object of options")]
    [InlineData("""{ "steps": """, "is not valid JSON")]
    public void What_is_wrong_with_the_configuration_is_said_with_its_file(string config, string expected)
    {
        Configure("config.json", config);
        var refused = Run("a cat", "-o", _folder.Path + "/");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(expected, Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
        Assert.Contains("config.json", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_short_name_and_the_variable_name_a_model()
    {
        Configure("models.json", $$"""{ "mini": "{{Goldens.PathOf("models", "sd2")}}", "gone": "/no/such/folder" }""");
        Assert.Contains("StableDiffusionPipeline", Run("inspect", "mini").Output, StringComparison.Ordinal);
        Assert.Contains("goldens/models/sd2", Run(["inspect"], ("SD_MODEL", "mini")).Output, StringComparison.Ordinal);
        var refused = Run("-m", "gone", "a cat");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("'/no/such/folder'".Trim('\''), Assert.Single(refused.ErrorLines), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_does_not_say_what_it_is_is_inspected_with_what_it_is_taken_for()
    {
        _folder.Fill(Goldens.PathOf("models", "sd1"), "nameless");
        File.Delete(_folder.PathOf("nameless/model_index.json"));

        Assert.Contains("assumed: nameless has no model_index.json: it is taken for Stable Diffusion", Run("inspect", _folder.PathOf("nameless")).Output, StringComparison.Ordinal);
        var inspected = JsonNode.Parse(Run("inspect", _folder.PathOf("nameless"), "--json").Output)!;
        Assert.Contains("has no model_index.json", (string)inspected["assumed"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_no_model_is_inspected_with_exit_code_1()
    {
        var inspected = Run("inspect", _folder.Path);
        Assert.Equal(1, inspected.ExitCode);
        Assert.Contains("problem: ", inspected.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void The_doctor_finds_this_machine_fit()
    {
        var examined = Run("doctor", "--json");
        Assert.Equal(0, examined.ExitCode);
        var findings = JsonNode.Parse(examined.Output)!["findings"]!.AsArray();
        Assert.Equal(["program", "ONNX Runtime", "processor", "memory", "CUDA", "hub cache", "configuration", "picture"], findings.Select(finding => (string)finding!["name"]!));
        Assert.All(findings, finding => Assert.NotEqual("bad", (string)finding!["state"]!));
    }

    [Fact]
    public void The_doctor_says_what_is_broken_with_exit_code_1()
    {
        Configure("models.json", "[");
        var examined = Run("doctor");
        Assert.Equal(1, examined.ExitCode);
        Assert.Contains("BAD  configuration", examined.Output, StringComparison.Ordinal);
    }

    /// <summary>What the doctor is given as a provider's library, and what it says.</summary>
    [Theory]
    [InlineData("missing.so", "there is no file ")]
    [InlineData("folder.so", "there is no file ")]
    [InlineData("text.so", "text.so cannot be used: ")]
    [InlineData("other.so", "other.so cannot be used: it is no execution provider for ONNX Runtime.")]
    public void The_doctor_says_why_a_library_is_no_provider_and_examines_the_rest(string file, string words)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The library is one of Linux.");
        Directory.CreateDirectory(_folder.PathOf("folder.so"));
        File.WriteAllText(_folder.PathOf("text.so"), "no library");
        File.Copy(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"), _folder.PathOf("other.so"));

        var examined = Run("doctor", "-m", Goldens.PathOf("models", "sd1"), "--provider-library", _folder.PathOf(file), "--json");

        Assert.Equal((1, ""), (examined.ExitCode, examined.Errors));
        var report = JsonNode.Parse(examined.Output)!;
        var findings = report["findings"]!.AsArray();
        var provider = Assert.Single(findings, finding => (string)finding!["name"]! == "provider")!;
        Assert.Equal((false, "bad"), ((bool)report["healthy"]!, (string)provider["state"]!));
        Assert.Contains(words, (string)provider["text"]!, StringComparison.Ordinal);
        Assert.Equal(("picture", "good"), ((string)findings[^1]!["name"]!, (string)findings[^1]!["state"]!));
    }

    /// <summary>A model of another program in the cache.</summary>
    private void AddOther()
    {
        var commit = new string('c', 40);
        Directory.CreateDirectory(_folder.PathOf($"hub/models--somebody--else/snapshots/{commit}"));
        Directory.CreateDirectory(_folder.PathOf("hub/models--somebody--else/refs"));
        File.WriteAllText(_folder.PathOf("hub/models--somebody--else/refs/main"), commit);
        File.WriteAllText(_folder.PathOf($"hub/models--somebody--else/snapshots/{commit}/model_index.json"), """{ "_class_name": "OtherPipeline" }""");
    }

    private void Configure(string file, string content)
    {
        Directory.CreateDirectory(_folder.PathOf("config/sd"));
        File.WriteAllText(_folder.PathOf(Path.Combine("config", "sd", file)), content);
    }

    private SdProgram.Outcome Run(params string[] arguments) => Run(arguments, ("SD_MODEL", ""));

    private SdProgram.Outcome Run(string[] arguments, (string Name, string Value) variable) =>
        SdProgram.Run(arguments, workingFolder: null, input: null, new Dictionary<string, string>(Environment) { [variable.Name] = variable.Value });
}
