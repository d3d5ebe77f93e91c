using System.Text.Json.Nodes;

namespace StableDiffusion.Tests;

/// <summary>The program against a hub on loopback, with a cache, a configuration and an environment of its own.</summary>
public sealed class HubProgramTests : IDisposable
{
    private const string Name = "someone/tiny-model";

    private readonly TestHub _hub = new();
    private readonly TemporaryFolder _folder = new();

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

    private void Configure(string file, string content)
    {
        Directory.CreateDirectory(_folder.PathOf("config/sd"));
        File.WriteAllText(_folder.PathOf(Path.Combine("config", "sd", file)), content);
    }

    private SdProgram.Outcome Run(params string[] arguments) => Run(arguments, ("SD_MODEL", ""));

    private SdProgram.Outcome Run(string[] arguments, (string Name, string Value) variable) => SdProgram.Run(
        arguments,
        workingFolder: null,
        input: null,
        new Dictionary<string, string>
        {
            ["HF_ENDPOINT"] = _hub.Endpoint,
            ["HF_HUB_CACHE"] = _folder.PathOf("hub"),
            ["XDG_CONFIG_HOME"] = _folder.PathOf("config"),
            [variable.Name] = variable.Value,
        });
}
