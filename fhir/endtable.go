package fhir

import (
	"reflect"

	models "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// rule makes an endRule for samply's model T.
func rule[T any](groups ...string) endRule {
	return endRule{model: reflect.TypeFor[T](), groups: groups}
}

const (
	effective  = "effectiveDateTime effectivePeriod effectiveTiming effectiveInstant"
	occurrence = "occurrenceDateTime occurrencePeriod occurrenceTiming"
)

// Choices that are no date in the calendar (performedAge, abatementString,
// occurrenceString, …) are left out: they are no end.
var endRules = map[string]endRule{
	"Account":                  rule[models.Account]("servicePeriod"),
	"AdverseEvent":             rule[models.AdverseEvent]("date"),
	"Appointment":              rule[models.Appointment]("end"),
	"CarePlan":                 rule[models.CarePlan]("period"),
	"CareTeam":                 rule[models.CareTeam]("period"),
	"ChargeItem":               rule[models.ChargeItem](occurrence),
	"Claim":                    rule[models.Claim]("billablePeriod"),
	"ClinicalImpression":       rule[models.ClinicalImpression]("effectiveDateTime effectivePeriod", "date"),
	"Communication":            rule[models.Communication]("received sent"),
	"CommunicationRequest":     rule[models.CommunicationRequest]("occurrenceDateTime occurrencePeriod", "authoredOn"),
	"Condition":                rule[models.Condition]("abatementDateTime abatementPeriod"),
	"Consent":                  rule[models.Consent]("provision.period"),
	"Coverage":                 rule[models.Coverage]("period"),
	"DetectedIssue":            rule[models.DetectedIssue]("identifiedDateTime identifiedPeriod"),
	"DeviceRequest":            rule[models.DeviceRequest](occurrence, "authoredOn"),
	"DeviceUseStatement":       rule[models.DeviceUseStatement]("timingDateTime timingPeriod timingTiming"),
	"DiagnosticReport":         rule[models.DiagnosticReport]("effectiveDateTime effectivePeriod"),
	"DocumentReference":        rule[models.DocumentReference]("context.period", "date"),
	"Encounter":                rule[models.Encounter]("period"),
	"EpisodeOfCare":            rule[models.EpisodeOfCare]("period"),
	"ExplanationOfBenefit":     rule[models.ExplanationOfBenefit]("billablePeriod"),
	"FamilyMemberHistory":      rule[models.FamilyMemberHistory]("date"),
	"Flag":                     rule[models.Flag]("period"),
	"GuidanceResponse":         rule[models.GuidanceResponse]("occurrenceDateTime"),
	"ImagingStudy":             rule[models.ImagingStudy]("started"),
	"Immunization":             rule[models.Immunization]("occurrenceDateTime"),
	"ImmunizationEvaluation":   rule[models.ImmunizationEvaluation]("date"),
	"Media":                    rule[models.Media]("createdDateTime createdPeriod"),
	"MedicationAdministration": rule[models.MedicationAdministration]("effectiveDateTime effectivePeriod"),
	"MedicationDispense":       rule[models.MedicationDispense]("whenHandedOver"),
	"MedicationRequest":        rule[models.MedicationRequest]("dispenseRequest.validityPeriod", "authoredOn"),
	"MedicationStatement":      rule[models.MedicationStatement]("effectiveDateTime effectivePeriod"),
	"NutritionOrder":           rule[models.NutritionOrder]("dateTime"),
	"Observation":              rule[models.Observation](effective),
	"Procedure":                rule[models.Procedure]("performedDateTime performedPeriod"),
	"QuestionnaireResponse":    rule[models.QuestionnaireResponse]("authored"),
	"ResearchSubject":          rule[models.ResearchSubject]("period"),
	"RiskAssessment":           rule[models.RiskAssessment]("occurrenceDateTime occurrencePeriod"),
	"ServiceRequest":           rule[models.ServiceRequest](occurrence, "authoredOn"),
	"Specimen":                 rule[models.Specimen]("collection.collectedDateTime collection.collectedPeriod", "receivedTime"),
	"SupplyDelivery":           rule[models.SupplyDelivery](occurrence),
	"SupplyRequest":            rule[models.SupplyRequest](occurrence, "authoredOn"),
	"Task":                     rule[models.Task]("executionPeriod"),
	"VisionPrescription":       rule[models.VisionPrescription]("dateWritten"),
}
