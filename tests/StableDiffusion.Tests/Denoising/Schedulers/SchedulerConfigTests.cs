using System.Text.Json;
using System.Text.Json.Nodes;
using FsCheck;
using FsCheck.Fluent;

namespace StableDiffusion.Tests;

public class SchedulerConfigTests
{
    [Theory]
    [InlineData("DDIMScheduler", "clip_sample", true)]
    [InlineData("HeunDiscreteScheduler", "clip_sample", false)]
    [InlineData("DPMSolverSinglestepScheduler", "lower_order_final", false)]
    [InlineData("DPMSolverMultistepScheduler", "lower_order_final", true)]
    [InlineData("PNDMScheduler", "set_alpha_to_one", false)]
    [InlineData("DDIMScheduler", "set_alpha_to_one", true)]
    public void An_absent_switch_has_the_default_of_its_class(string className, string key, bool expected) =>
        Assert.Equal(expected, Of($$"""{"_class_name":"{{className}}"}""").Flag(key));

    [Fact]
    public void Other_absent_parameters_have_the_defaults_of_their_class_too()
    {
        Assert.Equal(0.0001, Of("""{"_class_name":"EulerDiscreteScheduler"}""").Real("beta_start"));
        Assert.Equal(0.00085, Of("""{"_class_name":"HeunDiscreteScheduler"}""").Real("beta_start"));
        Assert.Equal("scaled_linear", Of("""{"_class_name":"LCMScheduler"}""").Text("beta_schedule"));
        Assert.Equal("leading", Of("""{"_class_name":"DDIMScheduler"}""").Text("timestep_spacing"));
        Assert.Equal("linspace", Of("""{"_class_name":"EulerDiscreteScheduler"}""").Text("timestep_spacing"));
        Assert.Equal(double.NegativeInfinity, Of("""{"_class_name":"DPMSolverMultistepScheduler"}""").Real("lambda_min_clipped"));
    }

    [Fact]
    public void Another_class_keeps_what_it_shares_ignores_what_it_lacks_and_has_its_own_defaults()
    {
        var ddim = Of("""{"_class_name":"DDIMScheduler","beta_end":0.012,"set_alpha_to_one":false,"_diffusers_version":"0.39.0"}""");
        var euler = ddim.WithClass("EulerDiscreteScheduler");

        Assert.Equal(0.012, euler.Real("beta_end"));
        Assert.False(euler.Has("set_alpha_to_one"));
        Assert.Equal("linspace", euler.Text("timestep_spacing"));
        Assert.False(euler.WithClass("DDIMScheduler").Flag("set_alpha_to_one"));
    }

    // DPM-Solvers write "variance_type": null, of which DDPMScheduler._get_variance makes what it makes of fixed_small.
    [Fact]
    public void Null_as_another_class_writes_it_is_read_as_the_default() =>
        Assert.Equal("fixed_small", Of("""{"_class_name":"DPMSolverMultistepScheduler","variance_type":null}""").WithClass("DDPMScheduler").Text("variance_type"));

    // ConfigMixin.extract_init_dict leaves out what is in _use_default_values.
    [Fact]
    public void What_a_pipeline_mends_lasts_where_the_file_has_the_key_and_goes_with_the_class_where_it_has_not()
    {
        var silent = Of("""{"_class_name":"PNDMScheduler"}""").Mended("steps_offset", 1).Mended("clip_sample", false);
        var given = Of("""{"_class_name":"PNDMScheduler","steps_offset":0,"clip_sample":true}""").Mended("steps_offset", 1).Mended("clip_sample", false);

        Assert.Equal((1, 1), (silent.Whole("steps_offset"), given.Whole("steps_offset")));
        Assert.Equal(1, silent.WithClass("PNDMScheduler").Whole("steps_offset"));
        var (otherSilent, otherGiven) = (silent.WithClass("DDIMScheduler"), given.WithClass("DDIMScheduler"));
        Assert.Equal((0, 1), (otherSilent.Whole("steps_offset"), otherGiven.Whole("steps_offset")));
        Assert.Equal((true, false), (otherSilent.Flag("clip_sample"), otherGiven.Flag("clip_sample")));
        Assert.Equal(5, silent.With("steps_offset", 5).WithClass("DDIMScheduler").Whole("steps_offset"));
    }

    [Fact]
    public void A_class_that_is_not_here_is_refused_only_where_it_is_to_run()
    {
        var config = Of("""{"_class_name":"DPMSolverSDEScheduler","beta_end":0.012}""");

        Assert.Equal(0.012, SchedulerTable.Choose(config, "euler").Config.Real("beta_end"));
        Assert.Contains("DPMSolverSDEScheduler", Assert.Throws<ModelException>(() => SchedulerTable.Choose(config, null)).Message, StringComparison.Ordinal);
        Assert.Throws<ModelException>(() => ForwardDiffusion.Of(config));
    }

    [Fact]
    public void Setting_a_parameter_leaves_the_first_configuration_as_it_was()
    {
        var first = Of("""{"_class_name":"EulerDiscreteScheduler"}""");
        var second = first.With("use_karras_sigmas", true).With("num_train_timesteps", 500);

        Assert.False(first.Flag("use_karras_sigmas"));
        Assert.True(second.Flag("use_karras_sigmas"));
        Assert.Equal(500, second.Whole("num_train_timesteps"));
    }

    [Theory]
    [InlineData("beta_strat", "0.1")]
    [InlineData("beta_start", "\"low\"")]
    [InlineData("timestep_spacing", "\"sideways\"")]
    [InlineData("num_train_timesteps", "10.5")]
    [InlineData("use_karras_sigmas", "1")]
    [InlineData("trained_betas", "[0.1,\"a\"]")]
    [InlineData("beta_end", "null")]
    public void A_parameter_set_wrongly_by_hand_is_refused_by_name(string key, string value)
    {
        var config = Of("""{"_class_name":"EulerDiscreteScheduler"}""");

        var refusal = Assert.Throws<RequestException>(() => config.With(key, JsonNode.Parse(value)));
        Assert.Contains(key, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public void A_file_is_read_with_the_infinities_that_Python_writes()
    {
        using var file = new TemporaryFile("""{"_class_name": "DPMSolverMultistepScheduler", "lambda_min_clipped": -Infinity, "trained_betas": null}""");
        var config = SchedulerConfig.Load(file.Path);

        Assert.Equal(double.NegativeInfinity, config.Real("lambda_min_clipped"));
        Assert.Null(config.Reals("trained_betas"));
    }

    [Theory]
    [InlineData("{", "valid JSON")]
    [InlineData("[]", "JSON object")]
    [InlineData("{}", "_class_name")]
    [InlineData("""{"_class_name":"DDIMScheduler","beta_start":"low"}""", "beta_start")]
    [InlineData("""{"_class_name":"UniPCMultistepScheduler","solver_p":{}}""", "solver_p")]
    public void A_file_that_is_wrong_is_named_with_what_is_wrong(string text, string what)
    {
        using var file = new TemporaryFile(text);

        var refusal = Assert.Throws<ModelException>(() => SchedulerConfig.Load(file.Path));
        Assert.Contains(file.Path, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(what, refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refusal.Message);
    }

    [Fact]
    public void Whatever_the_values_are_they_are_taken_or_refused_by_name()
    {
        string[] values = ["null", "true", "0", "-1", "1.5", "1e300", "\"\"", "\"linear\"", "\"zero\"", "[]", "[0.1]", "[null]", "{}"];
        var cases =
            from className in Gen.Elements(SchedulerParameters.ByClass.Keys.ToArray())
            from key in Gen.Elements(SchedulerParameters.ByClass[className].Keys.ToArray())
            from value in Gen.Elements(values)
            select (className, key, value);

        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            try
            {
                return Of($$"""{"_class_name":"{{c.className}}","{{c.key}}":{{c.value}}}""").ClassName == c.className;
            }
            catch (ModelException refusal)
            {
                return refusal.Message.Contains(c.key, StringComparison.Ordinal);
            }
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_file_that_is_missing_is_named()
    {
        var path = Path.Combine(Path.GetTempPath(), "no-such-folder", "scheduler_config.json");

        Assert.Contains(path, Assert.Throws<ModelException>(() => SchedulerConfig.Load(path)).Message, StringComparison.Ordinal);
    }

    private static SchedulerConfig Of(string json)
    {
        using var document = JsonDocument.Parse(json);
        return SchedulerConfig.Parse(document.RootElement);
    }

    private sealed class TemporaryFile : IDisposable
    {
        public TemporaryFile(string text) => File.WriteAllText(Path, text);

        public string Path { get; } = System.IO.Path.Combine(System.IO.Path.GetTempPath(), System.IO.Path.GetRandomFileName());

        public void Dispose() => File.Delete(Path);
    }
}
